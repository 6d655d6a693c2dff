"""The training loop of every stage, on Hugging Face Accelerate: one CPU, one GPU, or many through `torchrun`.

A run lives in a folder: `state/` (weights, optimiser, random numbers: resumes), `log/` (TensorBoard), `curves.csv` and
`curves.png`, and what the stage itself writes at the end.
"""

from __future__ import annotations

import csv
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import torch
from accelerate import Accelerator, PartialState
from accelerate.state import AcceleratorState
from accelerate.utils import set_seed
from torch import nn
from torch.utils.data import DataLoader, Dataset

from speech_gesture_pkg.errors import ConfigError, InputError
from speech_gesture_pkg.lab.training.curves import draw_curves
from speech_gesture_pkg.lab.training.settings import TrainSettings
from speech_gesture_pkg.outside_text import csv_cell


class Stage(Protocol):
    """What the engine needs to know of a stage."""

    name: str
    network: nn.Module
    """Has `forward(batch) -> dict of losses`, of which "loss" is minimised."""

    def data(self) -> Dataset[Any]:
        """Training sequences; every pass may cut them at other places."""
        ...

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Figures on the validation split."""
        ...


class _Averaged:
    """Moving average of the weights."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay, self.steps = decay, 0
        self.state = {k: v.detach().clone() for k, v in network.state_dict().items()}

    def update(self, network: nn.Module) -> None:
        self.steps += 1
        decay = min(self.decay, self.steps / (self.steps + 10))
        own, new = [], []
        for key, value in network.state_dict().items():
            if value.is_floating_point():
                own.append(self.state[key])
                new.append(value.detach())
            else:
                self.state[key].copy_(value)
        torch._foreach_lerp_(own, new, 1 - decay)

    def state_dict(self) -> dict[str, Any]:
        return {"state": self.state, "steps": self.steps}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        self.state, self.steps = saved["state"], saved["steps"]


class _Progress:
    """How far a run has come."""

    def __init__(self) -> None:
        self.step = 0

    def state_dict(self) -> dict[str, int]:
        return {"step": self.step}

    def load_state_dict(self, saved: dict[str, int]) -> None:
        self.step = saved["step"]


def processes() -> PartialState:
    """Who takes part in this run: one process, or those that `torchrun` started."""
    return PartialState(cpu=not torch.cuda.is_available())


def fit(
    stage: Stage,
    settings: TrainSettings,
    folder: Path,
    report: Callable[[int, dict[str, float]], None] = lambda step, figures: None,
) -> dict[str, float]:
    """Train a stage's network, or go on where the folder says that it stood. The network ends with the result.

    Args:
        stage: what to train.
        settings: how.
        folder: of this stage's run.
        report: called now and then on the main process with the step and the newest figures.

    Returns:
        The last validation figures.

    Raises:
        KeyboardInterrupt: after saving the state.
        InputError: there is less training data than one batch.
        ConfigError: fp16 without a GPU.
    """
    processes()
    if settings.precision == "fp16" and not torch.cuda.is_available():
        raise ConfigError("training precision fp16 needs a GPU; on this machine it must be no or bf16")
    AcceleratorState._reset_state()  # stages of one process may have different precisions
    accelerator = Accelerator(
        mixed_precision=settings.precision, cpu=not torch.cuda.is_available(), step_scheduler_with_optimizer=False
    )
    set_seed(settings.seed, device_specific=True)
    data = stage.data()
    needed = settings.batch * accelerator.num_processes
    if len(data) < needed:  # type: ignore[arg-type]
        raise InputError(
            f"stage {stage.name} has {len(data)} training sequences; "  # type: ignore[arg-type]
            f"a batch of {settings.batch} on {accelerator.num_processes} processes needs {needed}"
        )
    loader = DataLoader(data, settings.batch, shuffle=True, drop_last=True)
    optimiser = torch.optim.AdamW(stage.network.parameters(), settings.rate, weight_decay=settings.decay, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda k: _share_of_rate(k, settings))
    network, optimiser, loader, schedule = accelerator.prepare(stage.network, optimiser, loader, schedule)
    averaged = _Averaged(accelerator.unwrap_model(network), settings.average)
    progress = _Progress()
    accelerator.register_for_checkpointing(averaged, progress)
    if (folder / "state").is_dir():
        accelerator.load_state(str(folder / "state"))
    log = _Log(folder, accelerator.is_main_process)
    figures: dict[str, float] = {}
    with _Interrupt() as interrupt:
        batches = _endless(loader)
        while progress.step < settings.steps:
            network.train()
            losses = network(next(batches))
            accelerator.backward(losses["loss"])
            accelerator.clip_grad_norm_(network.parameters(), settings.clip)
            optimiser.step()
            schedule.step()
            optimiser.zero_grad()
            progress.step += 1
            if settings.average:
                averaged.update(accelerator.unwrap_model(network))
            last = progress.step == settings.steps
            stop = accelerator.reduce(torch.tensor(float(interrupt.asked), device=accelerator.device), "sum") > 0
            if progress.step % 20 == 0 or last:
                log.losses(progress.step, {k: float(v.detach()) for k, v in losses.items()})
                if accelerator.is_main_process:
                    report(progress.step, {"loss": float(losses["loss"].detach()), **figures})
            if progress.step % settings.save_every == 0 or last or stop:
                accelerator.save_state(str(folder / "state"))
            if stop:
                raise KeyboardInterrupt
            if progress.step % settings.validate_every == 0 or last:
                figures = _validated(stage, accelerator.unwrap_model(network), averaged if settings.average else None)
                log.figures(progress.step, figures)
    if settings.average:
        accelerator.unwrap_model(network).load_state_dict(averaged.state)
    if not figures:
        figures = stage.validate(accelerator.unwrap_model(network).eval())
    log.close()
    return figures


def _validated(stage: Stage, network: nn.Module, averaged: _Averaged | None) -> dict[str, float]:
    network.eval()
    if averaged is None:
        with torch.no_grad():
            return stage.validate(network)
    own = {k: v.detach().clone() for k, v in network.state_dict().items()}
    network.load_state_dict(averaged.state)
    with torch.no_grad():
        figures = stage.validate(network)
    network.load_state_dict(own)
    return figures


def _share_of_rate(step: int, settings: TrainSettings) -> float:
    if step < settings.warmup:
        return (step + 1) / settings.warmup
    done = (step - settings.warmup) / max(1, settings.steps - settings.warmup)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def _endless(loader: DataLoader[Any]) -> Iterator[Any]:
    while True:
        yield from loader


class _Interrupt:
    """Turns Ctrl-C and SIGTERM into a request that the loop meets after the present step."""

    def __init__(self) -> None:
        self.asked = False
        self._old: dict[signal.Signals, Any] = {}

    def __enter__(self) -> _Interrupt:
        if threading.current_thread() is threading.main_thread():
            self._old = {s: signal.signal(s, self._ask) for s in (signal.SIGINT, signal.SIGTERM)}
        return self

    def _ask(self, number: int, frame: Any) -> None:
        self.asked = True

    def __exit__(self, *failure: object) -> None:
        for number, handler in self._old.items():
            signal.signal(number, handler)


class _Log:
    """TensorBoard events, a CSV file and a picture of the curves; nothing on other processes than the main one."""

    def __init__(self, folder: Path, main: bool) -> None:
        self._main, self._folder, self._began = main, folder, time.monotonic()
        if not main:
            return
        from torch.utils.tensorboard import SummaryWriter

        folder.mkdir(parents=True, exist_ok=True)
        self._writer = SummaryWriter(str(folder / "log"))  # type: ignore[no-untyped-call]
        self._csv = folder / "curves.csv"

    def losses(self, step: int, values: dict[str, float]) -> None:
        self._add("train", step, values)

    def figures(self, step: int, values: dict[str, float]) -> None:
        self._add("validation", step, values)
        if self._main:
            draw_curves(self._csv, self._folder / "curves.png")

    def _add(self, group: str, step: int, values: dict[str, float]) -> None:
        if not self._main:
            return
        with self._csv.open("a", newline="") as file:
            rows = csv.writer(file)
            for name, value in values.items():
                self._writer.add_scalar(f"{group}/{name}", value, step)  # type: ignore[no-untyped-call]
                rows.writerow([f"{time.monotonic() - self._began:.1f}", step, group, csv_cell(name), f"{value:.6g}"])

    def close(self) -> None:
        if self._main:
            self._writer.close()  # type: ignore[no-untyped-call]
