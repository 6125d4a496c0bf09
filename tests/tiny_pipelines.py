"""Pipelines of diffusers with some thousand random weights: Stable Audio 3 and AudioLDM 2."""

from typing import Any

import torch
from diffusers import (
    AudioLDM2Pipeline,
    AudioLDM2ProjectionModel,
    AudioLDM2UNet2DConditionModel,
    AutoencoderKL,
    AutoencoderSAME,
    DDIMScheduler,
    FlowMatchEulerDiscreteScheduler,
    StableAudio3DiTModel,
    StableAudio3DurationEmbedder,
    StableAudio3Pipeline,
)
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    ClapAudioConfig,
    ClapConfig,
    ClapFeatureExtractor,
    ClapModel,
    ClapTextConfig,
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedTokenizerFast,
    RobertaTokenizer,
    SpeechT5HifiGan,
    SpeechT5HifiGanConfig,
    T5Config,
    T5EncoderModel,
    T5GemmaConfig,
    T5GemmaEncoderModel,
    T5Tokenizer,
)
from transformers.models.t5gemma.configuration_t5gemma import T5GemmaModuleConfig

WIDTH = 16


def stable_audio_3() -> Any:
    """Stereo at 1000 Hz."""
    words = Tokenizer(models.WordLevel({"<pad>": 0, "<unk>": 1, "rain": 2, "door": 3}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="<pad>", unk_token="<unk>", model_max_length=8
    )
    layer = T5GemmaModuleConfig(
        vocab_size=8, hidden_size=WIDTH, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=1, head_dim=8, sliding_window=8, query_pre_attn_scalar=8,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        pipe = StableAudio3Pipeline(
            vae=AutoencoderSAME(
                patch_size=16, encoder_channels=8, encoder_c_mults=(2,), encoder_strides=(4,),
                encoder_transformer_depths=(1,), latent_dim=4, dim_heads=8, sampling_rate=1000,
            ),
            text_encoder=T5GemmaEncoderModel(
                T5GemmaConfig(encoder=layer, decoder=layer, is_encoder_decoder=False, vocab_size=8)
            ),
            tokenizer=tokenizer,
            duration_embedder=StableAudio3DurationEmbedder(output_dim=WIDTH, fourier_dim=8),
            transformer=StableAudio3DiTModel(
                io_channels=4, embed_dim=16, depth=1, num_heads=2, cond_token_dim=WIDTH, global_cond_dim=WIDTH,
                local_add_cond_dim=5, timestep_features_dim=8, num_memory_tokens=2,
            ),
            scheduler=FlowMatchEulerDiscreteScheduler(stochastic_sampling=True),
        )  # fmt: skip
        for network in (pipe.vae, pipe.transformer):
            for weight in network.parameters():
                if not weight.any():  # what starts as nothing would hide what is before it
                    torch.nn.init.normal_(weight, std=0.3)
        return pipe


def audioldm2() -> Any:
    """Mono at 16 kHz."""
    pieces = {piece: number for number, piece in enumerate(["<s>", "<pad>", "</s>", "<unk>", "<mask>", "r", "a"])}
    unigrams = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("\N{LOWER ONE EIGHTH BLOCK}rain", -1.0)]
    text = ClapTextConfig(
        bos_token_id=0, eos_token_id=2, pad_token_id=1, hidden_size=8, intermediate_size=16, num_attention_heads=1,
        num_hidden_layers=1, vocab_size=8, projection_dim=8,
    )  # fmt: skip
    audio = ClapAudioConfig(
        spec_size=8, window_size=4, num_mel_bins=8, intermediate_size=16, depths=[1, 1], num_attention_heads=[1, 1],
        num_hidden_layers=2, hidden_size=192, projection_dim=8, patch_size=2, patch_stride=2,
        patch_embed_input_channels=4,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return AudioLDM2Pipeline(
            vae=AutoencoderKL(
                block_out_channels=[8, 16], in_channels=1, out_channels=1, norm_num_groups=8, latent_channels=4,
                down_block_types=["DownEncoderBlock2D"] * 2, up_block_types=["UpDecoderBlock2D"] * 2,
            ),
            text_encoder=ClapModel(
                ClapConfig(text_config=text.to_dict(), audio_config=audio.to_dict(), projection_dim=16)
            ),
            text_encoder_2=T5EncoderModel(
                T5Config(vocab_size=8, d_model=32, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
            ),
            projection_model=AudioLDM2ProjectionModel(
                text_encoder_dim=16, text_encoder_1_dim=32, langauge_model_dim=16
            ),
            language_model=GPT2LMHeadModel(
                GPT2Config(n_embd=16, n_head=2, n_layer=1, vocab_size=8, n_positions=99, bos_token_id=0, eos_token_id=1)
            ),
            tokenizer=RobertaTokenizer(vocab=pieces, merges=[], model_max_length=8),
            tokenizer_2=T5Tokenizer(vocab=unigrams, extra_ids=0, model_max_length=8),
            feature_extractor=ClapFeatureExtractor(feature_size=8),
            unet=AudioLDM2UNet2DConditionModel(
                block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=8, sample_size=32, in_channels=4,
                out_channels=4, cross_attention_dim=(8, 16), down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
                up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            ),
            scheduler=DDIMScheduler(clip_sample=False),
            vocoder=SpeechT5HifiGan(
                SpeechT5HifiGanConfig(
                    model_in_dim=8, sampling_rate=16_000, upsample_initial_channel=16, upsample_rates=[2, 2],
                    upsample_kernel_sizes=[4, 4], resblock_kernel_sizes=[3, 7], normalize_before=False,
                    resblock_dilation_sizes=[[1, 3, 5], [1, 3, 5]],
                )
            ),
        )  # fmt: skip
