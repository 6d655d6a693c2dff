"""UniEG: blocks, flow of information, equality of the hoisted networks, and the authors' checkpoints."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from speech_gesture_pkg.errors import ConfigError, ModelError  # noqa: E402
from speech_gesture_pkg.generators.diffsheg.config import BEAT, SHOW, DiffShegConfig  # noqa: E402
from speech_gesture_pkg.lab.models.diffsheg import official  # noqa: E402
from speech_gesture_pkg.lab.models.diffsheg.blocks import (  # noqa: E402
    AdaIN,
    linear_attention,
    positions,
    step_embedding,
)
from speech_gesture_pkg.lab.models.diffsheg.checkpoint import DiffSheg, load, save  # noqa: E402
from speech_gesture_pkg.lab.models.diffsheg.hoisted import HoistedBranch, Prepare, Tables  # noqa: E402
from speech_gesture_pkg.lab.models.diffsheg.model import Conditions, UniEG  # noqa: E402


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Networks this small are slowed down by several threads, very much so on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


SMALL = {"width": 16, "layers": 2, "heads": 2, "feed": 24, "time_width": 32, "audio_width": 8, "audio_out": 12}
FEATURES, LENGTH = 5, 3


def network(**changes) -> UniEG:
    torch.manual_seed(0)
    made = UniEG(DiffShegConfig(**{**SMALL, **changes}), FEATURES, LENGTH).eval()
    with torch.no_grad():
        for p in made.parameters():  # zero-initialised layers would hide what goes through them
            p.add_(0.2 * torch.randn_like(p))
    return made


def clip(net: UniEG, count: int = 2, frames: int = 7):
    torch.manual_seed(1)
    config, size = net.config, net.sizes["motion"]
    given = Conditions(
        torch.randn(count, frames, LENGTH, FEATURES),
        torch.randn(count, config.person),
        torch.randn(count, frames, config.hubert) if config.hubert else None,
        torch.randn(count, frames, size + 1) if config.known else None,
    )
    return torch.randn(count, frames, size), torch.tensor([650, 30])[:count], given


def test_linear_attention_is_what_its_sums_say():
    torch.manual_seed(0)
    q, k, v = (torch.randn(1, 5, 6) for _ in range(3))
    made = linear_attention(q, k, v, 2)
    for head in range(2):
        part = slice(3 * head, 3 * head + 3)
        for t in range(5):
            weights = torch.exp(q[0, t, part]) / torch.exp(q[0, t, part]).sum()
            total = torch.zeros(3)
            for d in range(3):
                column = torch.exp(k[0, :, part][:, d])
                for s in range(5):
                    total += weights[d] * column[s] / column.sum() * v[0, s, part]
            torch.testing.assert_close(made[0, t, part], total)


def test_embeddings_are_the_sinusoids_of_their_papers():
    made = step_embedding(torch.tensor([37]), 8)[0]
    rates = [10000 ** (-i / 4) for i in range(4)]
    torch.testing.assert_close(
        made, torch.tensor([np.cos(37 * r) for r in rates] + [np.sin(37 * r) for r in rates]).float()
    )
    table = positions(50, 6)
    assert float(table[20, 2]) == pytest.approx(np.sin(20 / 10000 ** (2 / 6)), abs=1e-5)
    assert float(table[20, 3]) == pytest.approx(np.cos(20 / 10000 ** (2 / 6)), abs=1e-5)


def test_adain_replaces_the_statistics_of_the_features():
    block = AdaIN(4, 3, 0.0)
    factor, summand = block.table(torch.randn(1, 3))
    block.out.weight.data = torch.eye(4)
    y = torch.randn(1, 2, 4)
    made = block(y, None)
    normal = (y - y.mean(-1, keepdim=True)) / (y.var(-1, unbiased=False, keepdim=True) + 1e-5).sqrt()
    torch.testing.assert_close(made, torch.nn.functional.silu(normal))
    assert factor.shape == summand.shape == (1, 4)


def gradients(flow: str) -> float:
    """How much the gesture's loss pulls at the expression branch."""
    net = network(flow=flow)
    x, step, given = clip(net)
    net(x, step, given)[..., net.span("gesture")].square().sum().backward()
    found = [p.grad.abs().sum() for p in net.branches["expression"].parameters() if p.grad is not None]
    return float(sum(found))


def test_the_gesture_sees_the_expression_but_does_not_train_it():
    assert gradients("full") == 0.0
    assert gradients("no_x0") == 0.0
    assert gradients("no_detach") > 0.0


def reaches(flow: str, cause: str, effect: str) -> bool:
    """Whether a change in one branch's noisy motion changes what the other predicts."""
    net = network(flow=flow)
    x, step, given = clip(net)
    other = x.clone()
    other[..., net.span(cause)] += 1.0
    with torch.no_grad():
        gap = net(x, step, given) - net(other, step, given)
    return float(gap[..., net.span(effect)].abs().max()) > 1e-6


@pytest.mark.parametrize(
    ("flow", "down", "up"),
    [
        ("full", True, False),
        ("no_detach", True, False),
        ("no_x0", False, False),
        ("reverse", False, True),
        ("naive_concat", True, True),
    ],
)
def test_information_flows_as_the_ablations_say(flow, down, up):
    assert reaches(flow, "expression", "gesture") == down
    assert reaches(flow, "gesture", "expression") == up


def test_final_x0_gives_the_gesture_the_finished_expression():
    net = network(flow="final_x0")
    x, step, given = clip(net)
    told = torch.randn_like(x)
    other = x.clone()
    other[..., net.span("expression")] += 1.0
    span = net.span("gesture")
    with torch.no_grad():
        torch.testing.assert_close(net(x, step, given, told)[..., span], net(other, step, given, told)[..., span])
        assert (net(x, step, given, told) - net(x, step, given, told + 1))[..., span].abs().max() > 1e-4


def test_naive_concat_is_1_41_times_as_wide():
    assert DiffShegConfig(flow="naive_concat", width=512, heads=8).branch_width == 720
    assert network(flow="naive_concat").config.branches == ("motion",)


@pytest.mark.parametrize("prediction", ["epsilon", "velocity", "sample"])
def test_clean_motion_from_every_kind_of_prediction(prediction):
    net = network(prediction=prediction)
    clean, noise = torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    step = torch.tensor([100, 900])
    signal, level = net.levels(step)
    target = {"epsilon": noise, "velocity": signal * noise - level * clean, "sample": clean}[prediction]
    torch.testing.assert_close(net.clean(signal * clean + level * noise, target, step), clean, atol=1e-4, rtol=1e-4)


VARIANTS = [
    {},
    {"flow": "naive_concat", "hubert": 6},
    {"flow": "reverse", "known": False},
    {"flow": "no_x0", "style": False},
    {"null": 0.2, "hubert": 6},
    {"mid_time": True, "mid_doubled": True},
    {"mel": False},
    {"mid": False},
    {"local": 5},
    {"local": 3, "smooth": 5, "prediction": "sample"},
    {"mel": False, "mid": False, "hubert": 6},
]


@pytest.mark.parametrize("changes", VARIANTS, ids=lambda c: "-".join(map(str, c.values())) or "full")
def test_hoisted_networks_equal_the_plain_one(changes):
    net = network(**changes)
    x, step, given = clip(net)
    step[:] = 650
    null = torch.tensor([True, False]) if net.config.null else None
    given = replace(given, null=null)
    with torch.no_grad():
        right = net(x, step, given)
        made = Prepare(net)(given.speech, given.hubert, given.known, step if net.config.mid_time else None)
        keep = None if null is None else (~null).float()[:, None, None]
        found, other = torch.zeros_like(right), None
        for k, name in enumerate(net.config.branches):
            branch, span = net.branches[name], net.span(name)
            table = Tables(branch)(step, given.person)
            told = other if branch.other else None
            one = HoistedBranch(branch)(x[..., span], *made[3 * k : 3 * k + 3], table, told, keep)
            other, found[..., span] = net.clean(x[..., span], one, step), one
    torch.testing.assert_close(found, right, atol=1e-4, rtol=0)


def test_without_conditions_speech_does_not_matter():
    net = network(null=0.2)
    x, step, given = clip(net)
    absent = replace(given, null=torch.tensor([True, True]))
    other = replace(absent, speech=given.speech + 1)
    with torch.no_grad():
        torch.testing.assert_close(net(x, step, absent), net(x, step, other))
        assert (net(x, step, given) - net(x, step, replace(given, speech=given.speech + 1))).abs().max() > 1e-3


def test_checkpoints_come_back(tmp_path):
    model = DiffSheg(DiffShegConfig(**SMALL))
    model.mean.fill_(0.5)
    save(model, tmp_path / "m.safetensors", {"note": 1})
    again, facts = load(tmp_path / "m.safetensors")
    assert facts == {"note": 1}
    assert again.config == model.config
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], tensor)


def test_checkpoints_that_cannot_be_used(tmp_path):
    from safetensors.torch import save_file

    path = tmp_path / "m.safetensors"
    with pytest.raises(ModelError, match="does not exist"):
        load(path)
    path.write_bytes(b"no tensors")
    with pytest.raises(ModelError, match="corrupt or not a safetensors file"):
        load(path)
    save_file({"a": torch.zeros(1)}, path, {"format": "else"})
    with pytest.raises(ModelError, match="has format 'else'"):
        load(path)
    model = DiffSheg(DiffShegConfig(**SMALL))
    model.config = replace(model.config, width=32)
    save(model, path, {})
    with pytest.raises(ModelError, match="the configuration in it does not fit its weights"):
        load(path)


def authors(name: str) -> dict:
    """A state dictionary with the keys and shapes of the authors' network, written down from their module names."""
    torch.manual_seed(0)
    gesture, expression, people, null = {"show": (129, 103, 4, True), "beat": (141, 51, 30, False)}[name]
    shapes: dict[str, tuple[int, ...]] = {}

    def linear(key, out, size):
        shapes[f"{key}.weight"], shapes[f"{key}.bias"] = (out, size), (out,)

    def norm(key, size):
        shapes[f"{key}.weight"], shapes[f"{key}.bias"] = (size,), (size,)

    def layer(key, width):
        norm(f"{key}.sa_block.norm", width)
        for part in ("query", "key", "value"):
            linear(f"{key}.sa_block.{part}", width, width)
        linear(f"{key}.ffn.linear1", 1024, width)
        linear(f"{key}.ffn.linear2", width, 1024)
        for block in ("sa_block", "ffn"):
            linear(f"{key}.{block}.proj_out.emb_layers.1", 2 * width, 2048)
            norm(f"{key}.{block}.proj_out.norm", width)
            linear(f"{key}.{block}.proj_out.out_layers.2", width, width)

    def two(key, size):
        linear(f"{key}.0", 2048, size)
        linear(f"{key}.2", 2048, 2048)

    two("time_embed", 512)
    layer("encoder_aud", 128)
    for branch, size, other in (("encoder_exp", expression, 0), ("encoder_ges", gesture, expression)):
        whole = 512 + 256 + 128 + other
        if null:
            shapes[f"{branch}.null_cond_emb"] = (1, whole)
        shapes[f"{branch}.PE.pe"] = (1, 1200, 512)
        linear(f"{branch}.joint_embed", 512, size)
        linear(f"{branch}.audio_proj", 256, 256)
        shapes[f"{branch}.hubert_encoder.0.weight"] = (128, 1024, 3)
        norm(f"{branch}.hubert_encoder.1", 128)
        for extra, shape in (("running_mean", (128,)), ("running_var", (128,)), ("num_batches_tracked", ())):
            shapes[f"{branch}.hubert_encoder.1.{extra}"] = shape
        shapes[f"{branch}.hubert_encoder.3.weight"] = (128, 128, 3)
        two(f"{branch}.time_embed", 512)
        two(f"{branch}.pid_embed", people)
        for k in range(8):
            block = f"{branch}.temporal_decoder_blocks.{k}"
            norm(f"{block}.feat_proj.0", whole)
            linear(f"{block}.feat_proj.1", 1024, whole)
            linear(f"{block}.feat_proj.3", 512, 1024)
            layer(block, 512)
        linear(f"{branch}.out", size, 512)
    # numbers that take no memory: what counts is where each ends up
    return {
        k: torch.full((1,) * len(s), i % 97 + 1, dtype=torch.int64 if k.endswith("tracked") else torch.float32).expand(
            s
        )
        for i, (k, s) in enumerate(shapes.items())
    }


@pytest.fixture(scope="module")
def beat(tmp_path_factory):
    """A file like the authors' for BEAT, two layers deep, beside its state dictionary."""
    whole = {k: v for k, v in authors("beat").items() if not any(f"blocks.{n}." in k for n in range(2, 8))}
    path = tmp_path_factory.mktemp("official") / "fgd_best.tar"
    torch.save({"encoder": {f"module.{k}": v for k, v in whole.items()}, "ep": 3, "best_fgd": np.float64(0.5)}, path)
    return path, whole


@pytest.mark.parametrize("name", ["show", "beat"])
def test_every_tensor_of_the_authors_networks_has_one_place(name):
    config = official.OFFICIAL[name].config
    with torch.device("meta"):
        ours = {k: tuple(v.shape) for k, v in UniEG(config, 1, 1).state_dict().items()}
    theirs = {k: tuple(v.shape) for k, v in authors(name).items() if not k.endswith("PE.pe")}
    names = official.key_map(config)
    found = {names[k]: ((1, *s) if k.endswith(".null") else s) for k, s in ours.items()}
    assert found == theirs


def test_authors_checkpoints_are_loaded(beat, monkeypatch):
    path, whole = beat
    small = replace(official.OFFICIAL["beat"], config=replace(official.OFFICIAL["beat"].config, layers=2))
    monkeypatch.setitem(official.OFFICIAL, "beat", small)
    model = official.load_official(path, "beat", np.full(192, 0.25), np.full(192, 2.0))
    state = model.network.state_dict()
    pairs = {
        "branches.gesture.fusions.1.rise.weight": "encoder_ges.temporal_decoder_blocks.1.feat_proj.1.weight",
        "branches.expression.layers.0.fed.norm.bias": "encoder_exp.temporal_decoder_blocks.0.ffn.proj_out.norm.bias",
        "audio.mid.attended.out.weight": "encoder_aud.sa_block.proj_out.out_layers.2.weight",
        "branches.gesture.hubert.1.running_var": "encoder_ges.hubert_encoder.1.running_var",
    }
    for ours, theirs in pairs.items():
        torch.testing.assert_close(state[ours], whole[theirs])
    assert float(model.mean[0]) == 0.25
    assert float(model.deviation[0]) == 2.0
    assert model.config.mid_doubled
    assert model.config.mid_time


def test_the_quirk_of_the_authors_mid_level_encoder():
    plain, doubled = network(), network(mid_doubled=True)
    speech = torch.randn(1, 4, LENGTH, FEATURES)
    with torch.no_grad():
        low = plain.audio.listen(speech.flatten(2))
        torch.testing.assert_close(doubled.audio(speech, None)[..., 8:], plain.audio.mid(2 * low, None))
        torch.testing.assert_close(doubled.audio(speech, None)[..., :8], low)


def test_official_checkpoints_that_cannot_be_used(beat, tmp_path, monkeypatch):
    path, _ = beat
    deeper = replace(official.OFFICIAL["beat"], config=replace(official.OFFICIAL["beat"].config, layers=3))
    monkeypatch.setitem(official.OFFICIAL, "beat", deeper)
    with pytest.raises(ModelError, match="official DiffSHEG 'ted' is unknown"):
        official.load_official(path, "ted")
    with pytest.raises(ModelError, match="does not exist"):
        official.load_official(tmp_path / "none.tar", "beat")
    (tmp_path / "bad.tar").write_bytes(b"no archive")
    with pytest.raises(ModelError, match="corrupt or not one of the authors'"):
        official.load_official(tmp_path / "bad.tar", "beat")
    with pytest.raises(ModelError, match=r"has no tensor encoder_exp\.temporal_decoder_blocks\.2"):
        official.load_official(path, "beat")


def test_official_rates_are_asserted():
    official.OFFICIAL["beat"].check(15.0, 18000, 16000)
    with pytest.raises(ModelError, match="SHOW checkpoint needs fps 30; it is 15"):
        official.OFFICIAL["show"].check(15.0, 18000, 16000)
    with pytest.raises(ModelError, match="HuBERT sample rate 16000; it is 22050"):
        official.OFFICIAL["show"].check(30.0, 18000, 22050)
    for name, hop in (("show", 600), ("beat", 1200)):
        model = official.OFFICIAL[name]
        assert model.mel_rate / model.mel_hop == model.fps == model.config.fps
        assert model.mel_hop == hop


def test_paper_sizes():
    assert (BEAT.person, BEAT.clip, BEAT.null) == (30, 34, 0.0)
    assert (SHOW.person, SHOW.clip, SHOW.null) == (4, 88, 0.2)
    with pytest.raises(ConfigError, match="speech is 64; it must be 0 or audio_width"):
        replace(BEAT, speech=64)
