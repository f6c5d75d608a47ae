"""The textbook equations in float64 NumPy: one gate per line, one Python loop over time.

Row vectors: `X` is (batch, time, inputs), every state (batch, units). A gate's weights are
`(W_x, W_h, b)` of shapes (inputs, units), (units, units) and (units,). Every function returns the
outputs (batch, time, units) and the final states. Nothing here knows about the library.
"""

import numpy as np


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def relu(a):
    return np.maximum(a, 0)


def zeros(X, gate):
    """The default initial state: a zero for every row of the batch and every unit."""
    return np.zeros((X.shape[0], gate[1].shape[0]))


def over_time(X, step, *state):
    """Applies `step(X_t, *state) -> state` to each `X_t`; the first state is the output."""
    outputs = []
    for t in range(X.shape[1]):
        state = step(X[:, t], *state)
        outputs.append(state[0])
    return np.stack(outputs, axis=1), state


def vanilla_rnn(X, hidden, H=None, phi=np.tanh):
    """H_t = phi(X_t W_xh + H_{t-1} W_hh + b_h)."""
    W_xh, W_hh, b_h = hidden

    def step(X_t, H):
        return (phi(X_t @ W_xh + H @ W_hh + b_h),)

    return over_time(X, step, zeros(X, hidden) if H is None else H)


def gru(X, update, reset, candidate, H=None):
    """The reset gate acts before the recurrent product; Z = 1 keeps the old state."""
    (W_xz, W_hz, b_z), (W_xr, W_hr, b_r), (W_xh, W_hh, b_h) = update, reset, candidate

    def step(X_t, H):
        R = sigmoid(X_t @ W_xr + H @ W_hr + b_r)
        Z = sigmoid(X_t @ W_xz + H @ W_hz + b_z)
        H_tilde = np.tanh(X_t @ W_xh + (R * H) @ W_hh + b_h)
        return (Z * H + (1 - Z) * H_tilde,)

    return over_time(X, step, zeros(X, update) if H is None else H)


def gru_reset_after(X, update, reset, candidate, H=None):
    """cuDNN's variant: the reset gate acts on the recurrent product, which has its own bias.

    A gate's bias is the pair (input bias, recurrent bias).
    """
    (W_xz, W_hz, b_z), (W_xr, W_hr, b_r), (W_xh, W_hh, (b_xh, b_hh)) = update, reset, candidate

    def step(X_t, H):
        R = sigmoid(X_t @ W_xr + H @ W_hr + b_r[0] + b_r[1])
        Z = sigmoid(X_t @ W_xz + H @ W_hz + b_z[0] + b_z[1])
        H_tilde = np.tanh(X_t @ W_xh + b_xh + R * (H @ W_hh + b_hh))
        return (Z * H + (1 - Z) * H_tilde,)

    return over_time(X, step, zeros(X, update) if H is None else H)


def lstm(X, input_gate, forget_gate, cell, output_gate, H=None, C=None):
    """C_t = F C_{t-1} + I C_tilde, H_t = O tanh(C_t)."""
    W_xi, W_hi, b_i = input_gate
    W_xf, W_hf, b_f = forget_gate
    W_xc, W_hc, b_c = cell
    W_xo, W_ho, b_o = output_gate

    def step(X_t, H, C):
        I = sigmoid(X_t @ W_xi + H @ W_hi + b_i)
        F = sigmoid(X_t @ W_xf + H @ W_hf + b_f)
        O = sigmoid(X_t @ W_xo + H @ W_ho + b_o)
        C_tilde = np.tanh(X_t @ W_xc + H @ W_hc + b_c)
        C = F * C + I * C_tilde
        return O * np.tanh(C), C

    H = zeros(X, input_gate) if H is None else H
    return over_time(X, step, H, zeros(X, input_gate) if C is None else C)


def unpack(weights, gates):
    """Keras's packed `[kernel, recurrent_kernel, bias]` as one `(W_x, W_h, b)` per gate.

    Keras's order of gates: GRU z r h, LSTM i f c o. No bias means zeros. The bias of
    `reset_after` is (2, gates * units) and each gate gets its (2, units) part.
    """
    kernel, recurrent_kernel, *bias = (np.asarray(w, np.float64) for w in weights)
    bias = bias[0] if bias else np.zeros(kernel.shape[1])
    return list(zip(*(np.split(w, gates, axis=-1) for w in (kernel, recurrent_kernel, bias))))


def mgu(X, forget, candidate, H=None):
    """The one gate F resets and updates; F = 0 keeps the old state."""
    (W_xf, W_hf, b_f), (W_xh, W_hh, b_h) = forget, candidate

    def step(X_t, H):
        F = sigmoid(X_t @ W_xf + H @ W_hf + b_f)
        H_tilde = np.tanh(X_t @ W_xh + (F * H) @ W_hh + b_h)
        return ((1 - F) * H + F * H_tilde,)

    return over_time(X, step, zeros(X, forget) if H is None else H)


def peephole_lstm(X, input_gate, forget_gate, cell, output_gate, peephole, H, C):
    """I and F read the old cell state, O the new one."""
    W_xi, W_hi, b_i = input_gate
    W_xf, W_hf, b_f = forget_gate
    W_xc, W_hc, b_c = cell
    W_xo, W_ho, b_o = output_gate
    p_i, p_f, p_o = np.split(peephole, 3)

    def step(X_t, H, C):
        I = sigmoid(X_t @ W_xi + H @ W_hi + p_i * C + b_i)
        F = sigmoid(X_t @ W_xf + H @ W_hf + p_f * C + b_f)
        C = F * C + I * np.tanh(X_t @ W_xc + H @ W_hc + b_c)
        O = sigmoid(X_t @ W_xo + H @ W_ho + p_o * C + b_o)
        return O * np.tanh(C), C

    return over_time(X, step, H, C)


def layer_norm(a, epsilon=1e-3):
    """Mean 0 and variance 1 over the last axis."""
    return (a - a.mean(-1, keepdims=True)) / np.sqrt(a.var(-1, keepdims=True) + epsilon)


def layer_norm_lstm(X, weights, H, C):
    """Ba et al. 2016: three normalizations, of both products and of the cell state."""
    W_x, W_h, b, gamma_x, gamma_h, gamma_c, beta_c = weights

    def step(X_t, H, C):
        a = gamma_x * layer_norm(X_t @ W_x) + gamma_h * layer_norm(H @ W_h) + b
        a_i, a_f, a_c, a_o = np.split(a, 4, axis=-1)
        C = sigmoid(a_f) * C + sigmoid(a_i) * np.tanh(a_c)
        return sigmoid(a_o) * np.tanh(gamma_c * layer_norm(C) + beta_c), C

    return over_time(X, step, H, C)


def layer_norm_gru(X, weights, H):
    """Ba et al. 2016: both gates are normalized together, the candidate on its own."""
    W_x, W_h, b, gamma_x, gamma_h, b_hh = weights
    n = W_h.shape[0]

    def norms(operand, W, gamma):
        a = operand @ W
        a = np.concatenate([layer_norm(a[:, : 2 * n]), layer_norm(a[:, 2 * n :])], axis=-1)
        return np.split(gamma * a, 3, axis=-1)

    b_z, b_r, b_h = np.split(b, 3)

    def step(X_t, H):
        x_z, x_r, x_h = norms(X_t, W_x, gamma_x)
        h_z, h_r, h_h = norms(H, W_h, gamma_h)
        Z, R = sigmoid(x_z + h_z + b_z), sigmoid(x_r + h_r + b_r)
        return (Z * H + (1 - Z) * np.tanh(x_h + b_h + R * (h_h + b_hh)),)

    return over_time(X, step, H)


def projected_lstm(X, input_gate, forget_gate, cell, output_gate, projection, H, C):
    """H_t = (O tanh(C_t)) W_hr."""
    gates = input_gate, forget_gate, cell, output_gate

    def step(X_t, H, C):
        _, (H, C) = lstm(X_t[:, None], *gates, H, C)
        return H @ projection, C

    return over_time(X, step, H, C)


def slstm(X, input_gate, forget_gate, cell, output_gate, H, C, N, M):
    """Without the stabilizer: C and N as they are, M returned as the layer defines it."""
    W_xi, W_hi, b_i = input_gate
    W_xf, W_hf, b_f = forget_gate
    W_xz, W_hz, b_z = cell
    W_xo, W_ho, b_o = output_gate

    def step(X_t, H, C, N, M):
        C, N = C * np.exp(M), N * np.exp(M)
        log_I, F = X_t @ W_xi + H @ W_hi + b_i, sigmoid(X_t @ W_xf + H @ W_hf + b_f)
        C = F * C + np.exp(log_I) * np.tanh(X_t @ W_xz + H @ W_hz + b_z)
        N = F * N + np.exp(log_I)
        M = np.maximum(np.log(F) + M, log_I)
        O = sigmoid(X_t @ W_xo + H @ W_ho + b_o)
        return O * C / N, C / np.exp(M), N / np.exp(M), M

    return over_time(X, step, H, C, N, M)


def min_gru(X, weights, H):
    """Z = 0 keeps the old state; the gates do not read it."""
    W_z, W_h = np.split(weights[0], 2, axis=-1)
    b_z, b_h = np.split(weights[1], 2)

    def step(X_t, H):
        Z = sigmoid(X_t @ W_z + b_z)
        return ((1 - Z) * H + Z * (X_t @ W_h + b_h),)

    return over_time(X, step, H)


def min_lstm(X, weights, H):
    """The gates do not read the state, and are divided by their sum."""
    W_i, W_f, W_h = np.split(weights[0], 3, axis=-1)
    b_i, b_f, b_h = np.split(weights[1], 3)

    def step(X_t, H):
        I, F = sigmoid(X_t @ W_i + b_i), sigmoid(X_t @ W_f + b_f)
        return (F / (F + I) * H + I / (F + I) * (X_t @ W_h + b_h),)

    return over_time(X, step, H)
