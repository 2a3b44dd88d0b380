"""`python -m mlejax`."""

from .cli.main import main

raise SystemExit(main())
