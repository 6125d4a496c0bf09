"""The architecture of the paper at a shape of some thousand weights."""

from dataclasses import replace

import bench_gpu
from diegetic.model.config import LlmConfig, ModelConfig, OobleckConfig


def tiny() -> ModelConfig:
    small, _ = bench_gpu.shape("small")
    llm = {**small.llm.config, "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1}
    llm |= {"num_attention_heads": 2}
    return replace(
        small,
        llm=LlmConfig(vocabulary=300, config=llm),
        bridge=replace(small.bridge, semantic=4, residual=2, feature_dim=32, fusion_heads=2),
        transformer=replace(small.transformer, single_layers=1, heads=1, max_latent_frames=12, in_channels=4, layers=1),
        codec=replace(small.codec, oobleck=OobleckConfig(4, (2, 2), (1, 1), 2, 4)),
    )
