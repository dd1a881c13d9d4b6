"""Engines whose weights lie here: the real pipelines, tiny and with random weights."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from generator import Access, InvalidRequestError, MissingPartError, Request, engine

WORDS = ["calm", "sad", "piano", "bpm", "minor", "major", "time", "with", ",", "D", "60", "4", "/"]
RATE = 16_000


def tokenizer() -> Any:
    """Words are tokens; whatever else is said is unknown."""
    tokenizers = pytest.importorskip("tokenizers")
    transformers = pytest.importorskip("transformers")
    vocabulary = {word: n for n, word in enumerate(["<pad>", "</s>", "<unk>", *WORDS])}
    own = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="<unk>"))
    own.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=own, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=16
    )  # fmt: skip


def codec(channels: int) -> Any:
    diffusers = pytest.importorskip("diffusers")
    return diffusers.AutoencoderOobleck(
        encoder_hidden_size=6,
        downsampling_ratios=[8, 8],
        decoder_channels=3,
        decoder_input_channels=channels,
        audio_channels=2,
        channel_multiples=[2, 4],
        sampling_rate=RATE,
    )


@pytest.fixture(scope="module")
def stable_audio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    diffusers, transformers = pytest.importorskip("diffusers"), pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("weights") / "tiny-stable-audio"
    text = transformers.T5EncoderModel(
        transformers.T5Config(vocab_size=32, d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2)
    )
    diffusers.StableAudioPipeline(
        vae=codec(3),
        text_encoder=text,
        projection_model=diffusers.StableAudioProjectionModel(8, 4, 0, 64),
        tokenizer=tokenizer(),
        transformer=diffusers.StableAudioDiTModel(
            sample_size=1500, in_channels=3, num_layers=1, attention_head_dim=4,
            num_key_value_attention_heads=2, out_channels=3, cross_attention_dim=4,
            time_proj_dim=8, global_states_input_dim=8, cross_attention_input_dim=4,
        ),
        scheduler=diffusers.CosineDPMSolverMultistepScheduler(
            solver_order=2, prediction_type="v_prediction", sigma_data=1.0, sigma_schedule="exponential"
        ),
    ).save_pretrained(str(folder))  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def ace_step(tmp_path_factory: pytest.TempPathFactory) -> Path:
    diffusers, transformers = pytest.importorskip("diffusers"), pytest.importorskip("transformers")
    from diffusers.pipelines.ace_step import AceStepConditionEncoder

    folder = tmp_path_factory.mktemp("weights") / "tiny-ace-step"
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8}
    sizes = {"hidden_size": 32, "intermediate_size": 64, **heads}
    diffusers.AceStepPipeline(
        vae=codec(8),
        text_encoder=transformers.Qwen3Model(
            transformers.Qwen3Config(**sizes, num_hidden_layers=1, vocab_size=32)
        ),
        tokenizer=tokenizer(),
        transformer=diffusers.AceStepTransformer1DModel(
            **sizes, num_hidden_layers=1, in_channels=24, audio_acoustic_hidden_dim=8, patch_size=2,
            rope_theta=10_000.0, sliding_window=16,
        ),
        condition_encoder=AceStepConditionEncoder(
            **sizes, text_hidden_dim=32, timbre_hidden_dim=8, num_lyric_encoder_hidden_layers=1,
            num_timbre_encoder_hidden_layers=1, rope_theta=10_000.0, sliding_window=16,
        ),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(num_train_timesteps=1, shift=1.0),
    ).save_pretrained(str(folder))  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def musicgen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    transformers = pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("weights") / "tiny-musicgen"
    text = transformers.T5Config(
        vocab_size=32, d_model=16, d_kv=4, d_ff=8, num_layers=1, num_heads=2
    )
    audio = transformers.EncodecConfig(
        sampling_rate=RATE, audio_channels=1, target_bandwidths=[1.0], num_filters=4, hidden_size=8,
        codebook_size=32, codebook_dim=8, upsampling_ratios=[8, 8, 5], num_lstm_layers=1,
    )  # fmt: skip
    decoder = transformers.MusicgenDecoderConfig(
        vocab_size=32, hidden_size=16, num_hidden_layers=1, ffn_dim=16, num_attention_heads=2,
        num_codebooks=2, audio_channels=1, pad_token_id=32, bos_token_id=32,
    )  # fmt: skip
    config = transformers.MusicgenConfig(text_encoder=text, audio_encoder=audio, decoder=decoder)
    model = transformers.MusicgenForConditionalGeneration(config)
    model.generation_config.decoder_start_token_id = 32
    model.generation_config.pad_token_id = 32
    model.save_pretrained(str(folder))
    tokenizer().save_pretrained(str(folder))
    return folder


SHORT = Request(prompt="calm piano", tempo=240, bars=1, metre="4/4", key="D minor", seed=4)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("name", "ignored"),
    [
        ("stable-audio", ("lyrics",)),
        ("ace-step", ("without",)),
        ("musicgen", ("lyrics", "without")),
    ],
)
def test_a_local_engine_plays_so_long_as_asked_and_the_same_again(
    name: str, ignored: tuple[str, ...], request: pytest.FixtureRequest
) -> None:
    weights: Path = request.getfixturevalue(name.replace("-", "_"))
    own = engine(name, Access(weights=weights))
    own.steps = 2
    asked = SHORT.model_copy(update={"lyrics": "la", "without": ("drums",)})
    take, again = own.generate(asked), own.generate(asked)
    assert take.ignored_controls == ignored
    assert [stem.name for stem in take.stems] == ["mix"]
    assert take.mix.shape[1] / take.rate == pytest.approx(1, abs=0.2)
    assert take.mix.any()
    assert np.array_equal(take.master, again.master)
    assert take.id == again.id
    assert take.version.startswith(f"tiny-{name}-")
    with pytest.raises(InvalidRequestError, match="nothing can be locked"):
        own.generate(asked.model_copy(update={"parent": take.id, "locked": ("mix",)}))


@pytest.mark.parametrize(
    ("name", "module"),
    [("stable-audio", "diffusers"), ("ace-step", "diffusers"), ("musicgen", "transformers")],
)
def test_weights_that_are_not_there_are_named(name: str, module: str, tmp_path: Path) -> None:
    pytest.importorskip(module)
    with pytest.raises(MissingPartError, match="give their folder"):
        engine(name)
    with pytest.raises(MissingPartError, match=r"holds no \w+.json"):
        engine(name, Access(weights=tmp_path))
