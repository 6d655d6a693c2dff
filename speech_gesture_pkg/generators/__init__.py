"""Speech to SMPL-X motion, live: a folder for each generator. No torch."""
