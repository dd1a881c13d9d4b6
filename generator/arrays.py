"""Types of the arrays that pass between modules."""

import numpy as np
from numpy.typing import NDArray

F32Array = NDArray[np.float32]
F64Array = NDArray[np.float64]
I32Array = NDArray[np.int32]
I64Array = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
