"""Pictures from outside: looked at before they are opened, and never opened when they are not what they should be."""

import base64
import binascii
import io
import warnings

from PIL import Image, UnidentifiedImageError

from dspy_meme_gen.errors import ModelAnswerInvalid

__all__ = ["MOST_BYTES", "decoded", "opened"]

MOST_BYTES = 20_000_000
_MOST_PX = 4096 * 4096
_FORMATS = ("PNG", "JPEG", "WEBP")


def decoded(text: object) -> bytes:
    """The bytes of a Base64 text. Raises ModelAnswerInvalid if it is none, or holds more than MOST_BYTES."""
    if not isinstance(text, str) or len(text) > MOST_BYTES * 4 // 3 + 4:
        raise ModelAnswerInvalid(f"the picture is missing, or has more than {MOST_BYTES:,} bytes")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ModelAnswerInvalid("the picture is not in Base64") from None


def opened(data: bytes) -> Image.Image:
    """The picture in RGB, nothing else of the file with it. Raises ModelAnswerInvalid.

    Only PNG, JPEG and WebP of at most 4096 x 4096 pixels: the size is in the header, and is read before memory is taken for it.
    """
    if len(data) > MOST_BYTES:
        raise ModelAnswerInvalid(f"the picture has more than {MOST_BYTES:,} bytes")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=_FORMATS) as header:
                if header.width * header.height > _MOST_PX:
                    raise ModelAnswerInvalid(f"the picture has {header.width} x {header.height} pixels; at most {_MOST_PX:,} are opened")
                header.verify()
            # verify leaves the file unusable; what passed it is opened once more.
            with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
                return image.convert("RGB")
    except (UnidentifiedImageError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ModelAnswerInvalid(f"the picture cannot be opened ({type(error).__name__})") from None
    except (OSError, SyntaxError, ValueError, EOFError, MemoryError) as error:
        raise ModelAnswerInvalid(f"the picture is damaged ({type(error).__name__})") from None
