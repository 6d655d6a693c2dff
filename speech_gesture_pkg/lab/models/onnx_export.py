"""torch to ONNX, the one way in which this package does it."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import onnx
import torch
from torch import nn

OPSET = 18


def export(
    network: nn.Module,
    inputs: Mapping[str, torch.Tensor],
    outputs: Sequence[str],
    path: Path,
    dynamic: Mapping[str, Mapping[int, str]] | None = None,
) -> None:
    """Write a network as one ONNX file with its weights inside.

    Args:
        network: in evaluation mode.
        inputs: example tensors by name, in the order of `forward`.
        outputs: names.
        path: file.
        dynamic: input -> axis -> name of axes whose length may change.
    """
    shapes = None
    if dynamic is not None:
        dims = {name: torch.export.Dim(name, min=1, max=1 << 16) for axes in dynamic.values() for name in axes.values()}
        shapes = tuple({a: dims[n] for a, n in dynamic.get(k, {}).items()} or None for k in inputs)
    # the exporter warns of every library that it does not find, though nothing of them is used
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network.eval(),
            tuple(inputs.values()),
            str(path),
            input_names=list(inputs),
            output_names=list(outputs),
            opset_version=OPSET,
            dynamo=True,
            dynamic_shapes=shapes,
            external_data=False,
            verbose=False,
        )
    _forget_origin(path)


def _forget_origin(path: Path) -> None:
    """Take out what the exporter notes of source files: it names folders of this machine, and no runtime reads it."""
    model = onnx.load(path)
    graphs = [model.graph, *model.functions]
    for graph in graphs:
        entries = [*graph.node, *graph.value_info]
        if isinstance(graph, onnx.GraphProto):
            entries += [*graph.input, *graph.output, *graph.initializer]
        for entry in (graph, *entries):
            entry.ClearField("metadata_props")
            entry.ClearField("doc_string")
    onnx.save(model, path)
