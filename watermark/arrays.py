"""Array types of this package. Time is the last axis of samples and the first of spectra."""

import numpy as np
from numpy.typing import NDArray

F32Array = NDArray[np.float32]
F64Array = NDArray[np.float64]
U8Array = NDArray[np.uint8]
U64Array = NDArray[np.uint64]
I8Array = NDArray[np.int8]
I64Array = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
C64Array = NDArray[np.complex64]
