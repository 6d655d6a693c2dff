"""What needs torch or a corpus: datasets, training, metrics, studies, reports. A robot needs none of it."""
