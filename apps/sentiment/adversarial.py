"""Adversarial training: loss on the worst small perturbation of the word vectors."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="rnn_keras")
class AdversarialModel(keras.Model):
    r"""A model made of two, `word_vectors` and `head`, that can train adversarially.

    With a radius ε above 0 the loss of a batch is

    $$L(V) + L(V + r), \qquad r = \epsilon\, g / \|g\|_2, \quad g = \nabla_V L(V)$$

    where V are the normalised vectors of all words of a review and r is taken as a constant. The
    reported loss is L(V), comparable with that of other trainings.

    Attributes:
        radius: ε; 0 trains as any Keras model does.

    Reference: Miyato, Dai, Goodfellow, *Adversarial Training Methods for Semi-Supervised Text
    Classification*, 2017, equations 4 to 6.
    """

    radius = 0.0

    def train_step(self, data):
        if not self.radius:
            return super().train_step(data)
        ids, labels, _ = keras.utils.unpack_x_y_sample_weight(data)
        weights = self.trainable_variables

        with tf.GradientTape() as tape:
            V, mask = self.get_layer("word_vectors")(ids, training=True)
            logits = self.get_layer("head")([V, mask], training=True)
            loss = self.compute_loss(ids, labels, logits)
            scaled = self.optimizer.scale_loss(loss)
        *gradients, g = tape.gradient(scaled, [*weights, V])

        g = tf.cast(g, tf.float32)
        r = self.radius * g / tf.maximum(tf.norm(g, axis=(1, 2), keepdims=True), 1e-12)
        with tf.GradientTape() as tape:
            V, mask = self.get_layer("word_vectors")(ids, training=True)
            changed = self.get_layer("head")([V + tf.cast(r, V.dtype), mask], training=True)
            scaled = self.optimizer.scale_loss(self.compute_loss(ids, labels, changed))
        worst = tape.gradient(scaled, weights)

        # The gradients of the word vectors are sparse.
        both = [tf.convert_to_tensor(a) + tf.convert_to_tensor(b) for a, b in zip(gradients, worst)]
        self.optimizer.apply(both, weights)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
        return self.compute_metrics(ids, labels, logits)
