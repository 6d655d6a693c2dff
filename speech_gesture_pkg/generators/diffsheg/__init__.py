"""DiffSHEG (Chen et al., CVPR 2024): a diffusion model of expression and gesture, out-painted clip by clip."""
