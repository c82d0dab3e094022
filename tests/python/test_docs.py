"""Runs the blocks of Python in docs/python.md and README.md, one after another, and compares what they print with the text
block that follows. A block marked with a package (```python torch) is skipped where that is missing."""
import contextlib
import importlib.util
import io
import os
import re
import unittest

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


class Documents(unittest.TestCase):
    def run_page(self, page, least):
        with open(os.path.join(TOP, page), encoding="utf-8") as file:
            text = file.read()
        names, ran = {"__name__": "page"}, 0
        for found in re.finditer(r"(?ms)^```python ?(\w*)\n(.*?)^```$(?:\n```text\n(.*?)^```$)?", text):
            package, code, want = found.groups()
            where = f"{page}:{text[:found.start()].count(chr(10)) + 1}"
            if package and not importlib.util.find_spec(package):
                print(f"  {where}: no {package} here, skipped")
                continue
            with self.subTest(where):
                ran += 1
                with contextlib.redirect_stdout(io.StringIO()) as said:
                    exec(compile(code, where, "exec"), names)
                self.assertEqual(said.getvalue(), want or "")
        self.assertGreaterEqual(ran, least)

    def test_python_page(self):
        self.run_page("docs/python.md", 16)

    def test_readme(self):
        self.run_page("README.md", 1)


if __name__ == "__main__":
    unittest.main()
