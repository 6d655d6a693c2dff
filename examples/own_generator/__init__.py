"""A learned generator of one's own: an LSTM from mel bands to poses.

`network.py` is the network, `train.py` trains and exports it, `generator.py` runs it on the robot (no torch there).
"""

from own_generator.generator import LstmGenerator

__all__ = ["LstmGenerator"]
