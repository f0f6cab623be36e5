"""``python -m stt_service`` is the same program as ``stt-service``."""

from stt_service.start import main

if __name__ == "__main__":
    main()
