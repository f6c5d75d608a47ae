import keras
import numpy as np

from rnn_keras.layers import CharacterCNN


def test_the_formula_with_padding_of_any_length(tmp_path):
    layer = CharacterCNN(6, 4, 5)
    ids = np.array([[[1, 2, 3, 0], [5, 0, 0, 0], [0, 0, 0, 0]]], np.int32)
    outputs = keras.ops.convert_to_numpy(layer(ids))
    E, W, b = layer.get_weights()
    layer.set_weights([E, W, np.arange(-2.0, 3.0)])
    E[0] = 0
    for t, word in enumerate(ids[0]):
        padded = E[[0, *word, 0]]
        sums = [np.einsum("ke,kef->f", padded[p : p + 3], W[0]) for p in range((word > 0).sum())]
        expected = np.max([np.maximum(0, s + b) for s in sums] or [np.zeros(5)], axis=0)
        np.testing.assert_allclose(outputs[0, t], expected, atol=1e-6)
    longer = np.pad(ids, [(0, 0), (0, 0), (0, 3)])
    np.testing.assert_allclose(layer(longer), layer(ids), atol=1e-6)
    inputs = keras.Input((None, None), dtype="int32")
    keras.Model(inputs, layer(inputs)).save(tmp_path / "a.keras")
    again = keras.saving.load_model(tmp_path / "a.keras")
    np.testing.assert_array_equal(again(ids), layer(ids))
