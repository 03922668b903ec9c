"""Our weights as a CTranslate2 model: the one place that knows how its layers are laid out."""

from typing import Any

import numpy as np
from ctranslate2.converters.converter import Converter
from ctranslate2.specs import common_spec, transformer_spec
from ctranslate2.specs.model_spec import index_spec
from keras import ops

from fmkeras.translation.corpora.tokenizer import END, START, UNK
from fmkeras.translation.model.attention import sinusoidal_positions
from fmkeras.translation.model.blocks import DecoderBlock, EncoderBlock
from fmkeras.translation.model.normalization import EPSILON
from fmkeras.translation.model.transformer import Transformer

# Processors without VNNI add two products of a byte (0 to 255) and a weight in 16 bits. Up to here the sum fits; of the
# usual 127 steps it often does not, and is cut off, which loses several times what coarser weights lose.
LARGEST_WEIGHT = 64


class TransformerConverter(Converter):
    """Converts a trained Transformer: `TransformerConverter(model, tokens).convert(folder)`. It quantizes by itself.

    Args:
        model: the Transformer.
        tokens: the vocabulary, in the order of the ids.
        start: the token that translations start with.
        positions: the longest sentence, in tokens, that the model can then read or write.
        quantization: "float32" or "int8".

    Reference: https://opennmt.net/CTranslate2/conversion.html
    """

    def __init__(
        self,
        model: Transformer,
        tokens: list[str],
        start: int = START,
        positions: int = 1024,
        quantization: str = "float32",
    ):
        self.model, self.tokens, self.start, self.positions = model, tokens, tokens[start], positions
        self.quantization = quantization

    def _load(self) -> transformer_spec.TransformerSpec:
        """What `convert` asks for."""
        heads, relu = self.model.settings["num_heads"], common_spec.Activation.RELU
        encoder = transformer_spec.TransformerEncoderSpec(len(self.model.encoder), heads, activation=relu)
        decoder = transformer_spec.TransformerDecoderSpec(
            len(self.model.decoder), heads, activation=relu, alignment_heads=heads
        )
        spec = transformer_spec.TransformerSpec(encoder, decoder)
        self._fill(spec)
        if self.quantization == "int8":
            quantize(spec)
        spec.register_source_vocabulary(self.tokens)
        spec.register_target_vocabulary(self.tokens)
        spec.config.unk_token, spec.config.bos_token, spec.config.eos_token = (
            self.tokens[i] for i in (UNK, START, END)
        )
        spec.config.decoder_start_token = self.start
        spec.config.add_source_eos = True
        spec.config.layer_norm_epsilon = EPSILON
        return spec

    def _fill(self, spec: transformer_spec.TransformerSpec) -> None:
        # The same array in three places: `convert` finds that out, and stores it once.
        embedding = array(self.model.embedding.embeddings)
        spec.encoder.embeddings[0].weight = embedding
        spec.decoder.embeddings.weight = spec.decoder.projection.weight = embedding
        # CTranslate2's own sinusoids count from 1 and have other wavelengths.
        table = array(sinusoidal_positions(np.arange(self.positions), self.model.d_model))
        norm(spec.encoder.layer_norm, self.model.encoder_norm)
        norm(spec.decoder.layer_norm, self.model.decoder_norm)
        for side in (spec.encoder, spec.decoder):
            side.position_encodings.encodings = table
        for layer, block in zip(spec.encoder.layer, self.model.encoder, strict=True):
            fill_encoder_block(layer, block)
        for layer, block in zip(spec.decoder.layer, self.model.decoder, strict=True):
            fill_decoder_block(layer, block)


def fill_encoder_block(layer: Any, block: EncoderBlock) -> None:
    """What both kinds of blocks have: self-attention and feed-forward layers."""
    norm(layer.self_attention.layer_norm, block.self_attention_norm)
    attention = block.self_attention
    linear(layer.self_attention.linear[0], attention.query, attention.key, attention.value)
    linear(layer.self_attention.linear[1], attention.output_projection)
    norm(layer.ffn.layer_norm, block.feed_forward_norm)
    linear(layer.ffn.linear_0, block.feed_forward.expand)
    linear(layer.ffn.linear_1, block.feed_forward.contract)


def fill_decoder_block(layer: Any, block: DecoderBlock) -> None:
    """Cross-attention as well."""
    fill_encoder_block(layer, block)
    norm(layer.attention.layer_norm, block.cross_attention_norm)
    attention = block.cross_attention
    linear(layer.attention.linear[0], attention.query)
    linear(layer.attention.linear[1], attention.key, attention.value)
    linear(layer.attention.linear[2], attention.output_projection)


def linear(spec: Any, *layers: Any) -> None:
    """One linear layer of one of ours, or of several side by side."""
    spec.weight = np.concatenate([array(layer.kernel).T for layer in layers])
    spec.bias = np.concatenate([array(layer.bias) for layer in layers])


def quantize(spec: transformer_spec.TransformerSpec) -> None:
    """Every matrix as bytes, each row with a scale of its own."""
    for name in spec.variables():
        if name.endswith("/weight"):
            layer = index_spec(spec, name.removesuffix("/weight"))
            layer.weight, layer.weight_scale = to_bytes(layer.weight)


def to_bytes(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A matrix as int8 of at most `LARGEST_WEIGHT`, and for each row what it was multiplied by."""
    largest = np.abs(matrix).max(axis=1)
    scale = LARGEST_WEIGHT / np.where(largest > 0, largest, LARGEST_WEIGHT)
    return np.rint(matrix * scale[:, None]).astype("int8"), scale.astype("float32")


def norm(spec: Any, layer: Any) -> None:
    """A layer normalization."""
    spec.gamma, spec.beta = array(layer.gamma), array(layer.beta)


def array(x: Any) -> np.ndarray:
    """A tensor or variable as float32."""
    return np.array(ops.convert_to_numpy(x), "float32")
