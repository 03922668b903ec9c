"""From files to batches: sentence pairs and sentences, their text form, subword tokens, batches of like length."""
