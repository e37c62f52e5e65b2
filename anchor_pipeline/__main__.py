"""`python -m anchor_pipeline` is the `anchor` command."""

from anchor_pipeline.cli import main

if __name__ == "__main__":
    main()
