"""Speech features on absolute hop grids, streaming: chunked equals one-shot."""
