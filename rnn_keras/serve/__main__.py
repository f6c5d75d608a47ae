"""`python -m rnn_keras.serve saved_models/...`: trained models over HTTP and gRPC."""

from rnn_keras.extras import needs_extra

with needs_extra("serve", command=__name__ == "__main__"):
    import tyro

    from rnn_keras.serve.options import Options
    from rnn_keras.serve.server import one_line_errors, run
    from rnn_keras.serve.workers import run_workers


def main(argv: list[str] | None = None) -> None:
    """The command; a user error is one line on stderr and exit code 2."""
    with one_line_errors():
        options = tyro.cli(Options, args=argv, prog="python -m rnn_keras.serve")
        options.check()
        if options.workers > 1:
            run_workers(options)
        else:
            run(options)


if __name__ == "__main__":
    main()
