"""Our weights as a CTranslate2 model, for the comparison in `decode_speed` only."""

import numpy as np


def convert(model, folder: str, positions: int) -> None:
    """Write a model's weights to a folder that `ctranslate2.Translator` reads; `positions`: of the longest sentence."""
    from ctranslate2.specs import common_spec, transformer_spec
    from keras import ops

    from fmkeras.translation.corpora.tokenizer import END, PAD, START
    from fmkeras.translation.model.attention import sinusoidal_positions

    def array(x) -> np.ndarray:
        return np.array(ops.convert_to_numpy(x), "float32")

    def linear(spec, *layers) -> None:
        spec.weight = np.concatenate([array(layer.kernel).T for layer in layers])
        spec.bias = np.concatenate([array(layer.bias) for layer in layers])

    def norm(spec, layer) -> None:
        spec.gamma, spec.beta = array(layer.gamma), array(layer.beta)

    sizes, relu = model.settings, common_spec.Activation.RELU
    layers, heads = sizes["num_layers"], sizes["num_heads"]
    encoder = transformer_spec.TransformerEncoderSpec(layers, heads, pre_norm=True, activation=relu)
    decoder = transformer_spec.TransformerDecoderSpec(layers, heads, pre_norm=True, activation=relu)
    spec = transformer_spec.TransformerSpec(encoder, decoder)
    embedding, table = (
        array(model.embedding.embeddings),
        array(sinusoidal_positions(np.arange(positions), sizes["d_model"])),
    )
    (encoder.embeddings[0] if isinstance(encoder.embeddings, list) else encoder.embeddings).weight = embedding
    decoder.embeddings.weight, decoder.projection.weight = embedding, embedding
    for side, ours, last in (
        (encoder, model.encoder, model.encoder_norm),
        (decoder, model.decoder, model.decoder_norm),
    ):
        side.position_encodings.encodings = table
        norm(side.layer_norm, last)
        for layer, block in zip(side.layer, ours, strict=True):
            attention = block.self_attention
            norm(layer.self_attention.layer_norm, block.self_attention_norm)
            linear(layer.self_attention.linear[0], attention.query, attention.key, attention.value)
            linear(layer.self_attention.linear[1], attention.output_projection)
            norm(layer.ffn.layer_norm, block.feed_forward_norm)
            linear(layer.ffn.linear_0, block.feed_forward.expand)
            linear(layer.ffn.linear_1, block.feed_forward.contract)
            if side is decoder:
                attention = block.cross_attention
                norm(layer.attention.layer_norm, block.cross_attention_norm)
                linear(layer.attention.linear[0], attention.query)
                linear(layer.attention.linear[1], attention.key, attention.value)
                linear(layer.attention.linear[2], attention.output_projection)
    tokens = [str(i) for i in range(sizes["vocab_size"])]
    spec.register_source_vocabulary(tokens)
    spec.register_target_vocabulary(tokens)
    spec.config.unk_token, spec.config.bos_token, spec.config.eos_token = str(PAD), str(START), str(END)
    spec.config.decoder_start_token = str(START)
    spec.config.add_source_bos = spec.config.add_source_eos = False  # our sources carry their end tokens
    spec.config.layer_norm_epsilon = 1e-6
    spec.validate()
    spec.save(folder)
