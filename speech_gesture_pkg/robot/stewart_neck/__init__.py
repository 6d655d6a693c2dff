"""Necks that are a Stewart platform: closed-chain kinematics."""
