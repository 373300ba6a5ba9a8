"""A story is told in half a second: nothing may be loaded that it does not need."""

import subprocess
import sys


def test_telling_a_story_and_writing_it_as_text_loads_no_numpy() -> None:
    modules = "wiretale.explain.tell, wiretale.show.story.terminal, wiretale.show.story.markdown"
    script = f"import sys, {modules}; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
