"""UniEG: blocks, flow of information, equality of the hoisted networks, and the authors' checkpoints."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from speech_gesture_pkg.errors import ConfigError, ModelError  # noqa: E402
from speech_gesture_pkg.generators.diffsheg.config import DiffShegConfig  # noqa: E402
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
        made = Prepare(net)(given.speech, given.hubert, given.known)
        tables = Tables(net)(step, given.person)
        keep = None if null is None else (~null).float()[:, None, None]
        found, other = torch.zeros_like(right), None
        for k, name in enumerate(net.config.branches):
            branch, span = net.branches[name], net.span(name)
            told = other if branch.other else None
            one = HoistedBranch(branch)(x[..., span], *made[3 * k : 3 * k + 3], tables[k], told, keep)
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


def test_ready_made_speech_has_the_width_of_the_networks_own():
    with pytest.raises(ConfigError, match="speech is 64; it must be 0 or audio_width"):
        DiffShegConfig(audio_width=128, speech=64)
