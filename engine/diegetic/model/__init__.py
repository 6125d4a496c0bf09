"""AudioStory, in any size. torch lives here and only here.

Threads: OpenMP's threads are told to sleep when they wait, before torch is imported. By default they spin: beside other
programs on the same cores (a DAW, say) a story then takes twenty times as long. On idle cores sleeping costs little.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
