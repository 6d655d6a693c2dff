"""The starter corpus: real gesture clips laid on real speech by rule, with faces learned from real pairs."""
