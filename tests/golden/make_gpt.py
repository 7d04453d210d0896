"""GPT-2 and multi-head attention by others: python tests/golden/make_gpt.py, where torch and transformers are."""

from pathlib import Path

import numpy as np
import torch
import transformers

torch.manual_seed(0)
torch.set_default_dtype(torch.float64)


def arrays(prefix: str, module: torch.nn.Module) -> dict[str, np.ndarray]:
    """Weights, and where there are any their gradients, under the module's own names."""
    found = {f"{prefix}/weight/{name}": p.detach().numpy() for name, p in module.named_parameters()}
    return found | {f"{prefix}/grad/{name}": p.grad.numpy() for name, p in module.named_parameters()}


def randomise(module: torch.nn.Module) -> None:
    """Weights that make every part matter: biases and scales too are away from their initial values."""
    with torch.no_grad():
        for p in module.parameters():
            p.add_(torch.randn_like(p) * 0.3)


config = transformers.GPT2Config(
    vocab_size=11,
    n_positions=8,
    n_embd=12,
    n_layer=2,
    n_head=3,
    resid_pdrop=0,
    embd_pdrop=0,
    attn_pdrop=0,
    bos_token_id=None,
    eos_token_id=None,
)
model = transformers.GPT2LMHeadModel(config).double()
randomise(model)
tokens = torch.randint(0, 11, (3, 8))
logits = model(tokens).logits
loss = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten())  # theirs is float32
loss.backward()

attention = torch.nn.MultiheadAttention(8, 2, batch_first=True)
randomise(attention)
x, memory = torch.randn(3, 5, 8, requires_grad=True), torch.randn(3, 4, 8, requires_grad=True)
masks = {"crossed": torch.rand(5, 4) < 0.6, "itself": torch.ones(5, 5).tril().bool()}
masks["crossed"][:, 0] = True  # each query sees a key: this oracle has no answer otherwise
crossed, _ = attention(x, memory, memory, attn_mask=~masks["crossed"])
itself, _ = attention(x, x, x, attn_mask=~masks["itself"])
(crossed.square().sum() + itself.square().sum()).backward()

np.savez_compressed(
    Path(__file__).with_name("gpt.npz"),
    versions=f"torch {torch.__version__} transformers {transformers.__version__} numpy {np.__version__}",
    tokens=tokens.numpy().astype(np.int32),
    logits=logits.detach().numpy(),
    loss=loss.detach().numpy(),
    **arrays("gpt", model),
    x=x.detach().numpy(),
    memory=memory.detach().numpy(),
    x_grad=x.grad.numpy(),
    memory_grad=memory.grad.numpy(),
    crossed=crossed.detach().numpy(),
    itself=itself.detach().numpy(),
    **{f"mask_{name}": mask.numpy() for name, mask in masks.items()},
    **arrays("attention", attention),
)
