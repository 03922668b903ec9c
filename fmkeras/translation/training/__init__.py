"""From batches to a run folder: options, session, epochs, callbacks, and pre-training by denoising."""
