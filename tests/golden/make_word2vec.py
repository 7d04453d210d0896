"""gensim on our topics: PYTHONPATH=lib python tests/golden/make_word2vec.py, where gensim 4.4.0 is installed."""

from importlib.metadata import version
from pathlib import Path

import numpy as np
from gensim.models import Word2Vec

from jaxicon.data.topics import topics

text, topic = topics()
sentences = [[str(word) for word in row] for row in text]
purity = []
for seed in range(3):
    model = Word2Vec(
        sentences, vector_size=50, window=5, min_count=1, sg=1, negative=5, sample=1e-3, epochs=25, seed=seed, workers=1
    )
    vectors = np.array([model.wv[str(word)] for word in range(len(topic))])
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    near = np.argsort(-(unit @ unit.T) + 9 * np.eye(len(unit)), axis=1)[:, :10]
    purity.append((topic[near] == topic[:, None]).mean(1)[topic >= 0].mean())
np.savez_compressed(
    Path(__file__).with_name("word2vec.npz"),
    versions=f"gensim {version('gensim')} numpy {np.__version__}",
    purity=purity,
    words=text.size,
    checksum=text.sum(),
)
