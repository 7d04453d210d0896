"""A character model (LSTM of 256 units, windows of 100, batch 64, Adam): ours in the runner, PyTorch's eager.

Both carry the state from window to window and cut its gradient there. Neither side has dropout.

Run      python -m experiments bench speed/lstm_and_torch
Expect   ratio_torch_1 >= 0.7
         ratio_torch_2 >= 0.7
Cost     180 s
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import numpy as np

from experiments.timing.peers import by_threads, peer
from jaxicon.core.run import fresh, train
from jaxicon.core.stream import windows
from jaxicon.sequence.lstm import Config, lstm

STEPS = 20
CONFIG = Config(dropout=0.0)
BATCH, WIDTH, SYMBOLS = 64, 100, 100


def network() -> Any:
    """What `lstm` trains, as PyTorch has it."""
    nn, (units,) = peer("torch").nn, CONFIG.hidden

    class CharacterModel(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(SYMBOLS, CONFIG.embedding)
            self.layer, self.output = nn.LSTM(CONFIG.embedding, units), nn.Linear(units, SYMBOLS)

        def forward(self, x, carry):
            hidden, carry = self.layer(self.embedding(x), carry)
            return self.output(hidden), carry

    return CharacterModel()


def eager(text: np.ndarray) -> Callable[[], Any]:
    """Training by Adam, whose fused form is the fastest on a CPU; the learning rate is constant."""
    torch, net = peer("torch"), network()
    tracks, parameters = torch.tensor(text[:-1].reshape(BATCH, -1).T.copy()), [*net.parameters()]
    nexts = torch.tensor(text[1:].reshape(BATCH, -1).T.copy())
    optimizer = torch.optim.Adam(parameters, CONFIG.learning_rate, fused=True)

    def unit():
        losses, carry = [], None
        for x, y in zip(tracks.split(WIDTH), nexts.split(WIDTH), strict=True):
            optimizer.zero_grad(set_to_none=True)
            scores, carry = net(x, carry)
            carry = tuple(part.detach() for part in carry)
            loss = torch.nn.functional.cross_entropy(scores.flatten(0, 1), y.flatten())
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, CONFIG.clip)
            optimizer.step()
            losses.append(loss.detach())
        return torch.stack(losses).numpy()

    return unit


def candidates():
    text = np.random.default_rng(0).integers(SYMBOLS, size=STEPS * BATCH * WIDTH + 1)
    key, method, stream = jax.random.key(0), lstm(CONFIG, SYMBOLS), windows(text.astype(np.int32), BATCH, WIDTH)
    state = fresh(key, method, stream)
    ours = partial(train, key, method, stream, STEPS, state=state, chunk=STEPS)
    return {"ours": ours} | by_threads("torch", eager(text))
