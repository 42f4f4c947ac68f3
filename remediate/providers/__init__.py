"""One file per technology: its questions, its checks, its actions. None knows the engine or another technology."""
