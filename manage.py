#!/usr/bin/env python
import signal
import sys

if __name__ == "__main__":
    try:
        from callout_site.command_line import main

        main()
    except KeyboardInterrupt:  # also in the second that it takes to load everything
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        print("Stopped.", file=sys.stderr)
        sys.exit(130)
