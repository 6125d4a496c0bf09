"""The narrative model, in any size. torch lives here and only here."""
