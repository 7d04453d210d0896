"""GPT-2 (4 layers of width 128, 4 heads, context 128, batch 32, AdamW): ours in the runner, PyTorch's eager.

PyTorch's attention is scaled_dot_product_attention, told that it is causal. Neither side has dropout.

Run      python -m experiments bench speed/gpt_and_torch
Expect   ratio_torch_1 >= 0.85
         ratio_torch_2 >= 0.85
Cost     300 s
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import numpy as np

from experiments.timing.peers import by_threads, peer
from jaxicon.core.run import fresh, train
from jaxicon.core.stream import resident
from jaxicon.language.gpt import Config, gpt

STEPS = 20
CONFIG = Config(context=128, width=128, layers=4, heads=4, dropout=0.0)
BATCH, SYMBOLS = 32, 100


def block() -> Any:
    """One block as PyTorch has it; queries, keys and values are one linear map."""
    nn = peer("torch").nn
    width, heads = CONFIG.width, CONFIG.heads

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention_norm, self.feed_forward_norm = nn.LayerNorm(width), nn.LayerNorm(width)
            self.joint, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
            up, down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
            self.feed_forward = nn.Sequential(up, nn.GELU(approximate="tanh"), down)

        def forward(self, x):
            parts = self.joint(self.attention_norm(x)).split(width, dim=2)
            q, k, v = (part.unflatten(2, (heads, -1)).transpose(1, 2) for part in parts)
            found = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.out(found.transpose(1, 2).flatten(2))
            return x + self.feed_forward(self.feed_forward_norm(x))

    return Block()


def network() -> Any:
    """What `gpt` trains, as PyTorch has it: one table of embeddings at both ends."""
    nn = peer("torch").nn

    class GPT(nn.Module):
        def __init__(self):
            super().__init__()
            self.token = nn.Embedding(SYMBOLS, CONFIG.width)
            self.position = nn.Embedding(CONFIG.context, CONFIG.width)
            self.blocks = nn.Sequential(*(block() for _ in range(CONFIG.layers)))
            self.norm = nn.LayerNorm(CONFIG.width)

        def forward(self, tokens):
            x = self.token(tokens) + self.position.weight[: tokens.shape[1]]
            return nn.functional.linear(self.norm(self.blocks(x)), self.token.weight)

    return GPT()


def eager(texts: np.ndarray) -> Callable[[], Any]:
    """Training by AdamW, whose fused form is the fastest on a CPU; the learning rate is constant."""
    torch, net = peer("torch"), network()
    tokens, parameters = torch.tensor(texts), [*net.parameters()]
    groups = [[p for p in parameters if p.ndim > 1], [p for p in parameters if p.ndim < 2]]
    decays = [{"params": p, "weight_decay": d} for p, d in zip(groups, (CONFIG.weight_decay, 0.0), strict=True)]
    optimizer = torch.optim.AdamW(decays, CONFIG.learning_rate, betas=(0.9, 0.95), fused=True)

    def unit():
        losses = []
        for index in torch.randint(len(tokens), (STEPS, BATCH)):
            batch = tokens[index]
            optimizer.zero_grad(set_to_none=True)
            logits = net(batch[:, :-1])
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, CONFIG.clip)
            optimizer.step()
            losses.append(loss.detach())
        return torch.stack(losses).numpy()

    return unit


def candidates():
    texts = np.random.default_rng(0).integers(SYMBOLS, size=(1024, CONFIG.context + 1))
    key, method, stream = jax.random.key(0), gpt(CONFIG, SYMBOLS), resident(texts.astype(np.int32), BATCH)
    state = fresh(key, method, stream)
    ours = partial(train, key, method, stream, STEPS, state=state, chunk=STEPS)
    return {"ours": ours} | by_threads("torch", eager(texts))
