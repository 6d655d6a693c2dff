"""Parts of one's own by `module:NAME`: a clear sentence for whatever is wrong."""

from __future__ import annotations

import hashlib

import pytest

from speech_gesture_pkg.errors import ConfigError
from speech_gesture_pkg.generators.registry import load_generator, takes_model
from speech_gesture_pkg.lab.metrics.registry import METRICS, measure, metric
from speech_gesture_pkg.plugins import load_plugin, plugin_sha256

GENERATOR = """
class Good:
    name, fps, hop_frames, lookahead_s, sample_rate = "good", 30.0, 1, 0.1, 16000
    def start(self, seed=0, speaker=None, style=None): ...
    def step(self, audio, state, style=None): ...

class NoStep:
    name, fps, hop_frames, lookahead_s, sample_rate = "bad", 30.0, 1, 0.1, 16000
    def start(self, seed=0, speaker=None, style=None): ...

class Slow(Good):
    fps = 0.0

class Telephone(Good):
    sample_rate = 8000

class StepIsNoMethod(Good):
    step = 3

class NeedsArguments(Good):
    def __init__(self, folder): ...

class Learned(Good):
    @classmethod
    def load(cls, folder, config):
        made = cls()
        made.folder, made.threads = folder, config.threads
        return made

instance = 3
"""


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("no_such_module_here:X", "there is no Python module no_such_module_here; install it, or put its folder on"),
        ("no_such_module_here.inner:X", "there is no Python module no_such_module_here;"),
        ("json.inner:X", "there is no Python module json.inner;"),
        ("json:Encoder", "the module json has no Encoder; it has: JSONDecodeError"),
        (":X", "is malformed; it must look like my_package.my_module:MyName"),
        ("json:", "is malformed"),
        ("json:a:b", "is malformed"),
        ("../json:X", "is malformed"),
    ],
)
def test_what_cannot_be_found_is_named(spec, sentence):
    with pytest.raises(ConfigError) as refused:
        load_plugin(spec, "thing")
    assert f"thing {spec!r}" in str(refused.value)
    assert sentence in str(refused.value)


def test_a_module_that_fails_is_named_with_its_reason(mine):
    name = mine("import no_such_dependency_here\n")
    with pytest.raises(ConfigError, match=f"the module {name} needs no_such_dependency_here, which is not installed"):
        load_plugin(f"{name}:X", "thing")
    name = mine("1 / 0\n")
    with pytest.raises(
        ConfigError, match=rf"{name} cannot be imported \(ZeroDivisionError: division by zero, at .*{name}\.py:1\)"
    ):
        load_plugin(f"{name}:X", "thing")


def test_the_code_of_a_plugin_has_a_hash(mine):
    name = mine("X = 1\n")
    assert plugin_sha256(f"{name}:X", "thing") == hashlib.sha256(b"X = 1\n").hexdigest()


@pytest.mark.parametrize(
    ("cls", "sentence"),
    [
        ("NoStep", "lacks step; a generator has: name, fps, hop_frames, lookahead_s, sample_rate, start, step"),
        ("Slow", "fps is 0.0; it must be a number in [1, 1000]"),
        ("Telephone", "sample_rate is 8000; the pipeline's audio has 16000 Hz"),
        ("StepIsNoMethod", "step is 3; it must be a method"),
        ("NeedsArguments", "cannot be made (TypeError: "),
        ("instance", "is of type int; it must be a class"),
        ("Learned", "runs a model; set generator.model to the folder of one"),
    ],
)
def test_a_class_that_is_no_generator_is_refused(mine, cls, sentence):
    name = mine(GENERATOR)
    with pytest.raises(ConfigError) as refused:
        load_generator(f"{name}:{cls}")
    assert f"generator '{name}:{cls}'" in str(refused.value)
    assert sentence in str(refused.value)


def test_a_generator_of_ones_own_is_made_with_and_without_a_model(mine, tmp_path):
    name = mine(GENERATOR)
    assert load_generator(f"{name}:Good").name == "good"
    learned = load_generator(f"{name}:Learned", model=str(tmp_path), threads=3)
    assert (learned.folder, learned.threads) == (tmp_path, 3)
    assert takes_model(f"{name}:Learned")
    assert not takes_model(f"{name}:Good")
    with pytest.raises(ConfigError, match="has no model"):
        load_generator(f"{name}:Good", model=str(tmp_path))
    with pytest.raises(ConfigError, match=r"it must be one of: prosody, speechcat, diffsheg, or your own as module:C"):
        load_generator("magic")


def test_a_metric_must_be_one(mine):
    name = mine("COUNT = 3\n")
    with pytest.raises(ConfigError, match=r"is of type int; it must be a lab\.metrics\.spec\.Metric"):
        metric(f"{name}:COUNT")
    assert f"{name}:COUNT" not in METRICS
    with pytest.raises(ConfigError, match="metric 'fame' is unknown; it must be one of"):
        measure("fame", None)
