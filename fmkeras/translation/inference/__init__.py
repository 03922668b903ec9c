"""A trained model at work: decoding, the translator, scores. Knows nothing of training."""
