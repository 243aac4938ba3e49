"""Write every generated file anew."""

from tests.generate.files import ETC, generated

for path, text in generated().items():
    if not path.exists() or path.read_text("utf-8") != text:
        path.write_text(text, "utf-8")
        print(path.relative_to(ETC.parent))
