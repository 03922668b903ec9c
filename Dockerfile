# A translator on the web, without TensorFlow: an export to CTranslate2, mounted at /model. See docs/deploy.md.
FROM python:3.12-slim
WORKDIR /app
# What serving such an export imports; the ranges are those of pyproject.toml.
RUN pip install --no-cache-dir "numpy>=1.26,<3" "sentencepiece>=0.2,<0.2.2" "sentencex>=1.0.32,<2" "ctranslate2>=4.5,<5" \
    "fastapi>=0.115,<1" "uvicorn>=0.30,<1" "prometheus-client>=0.20,<1" "py3langid>=0.4,<1"
COPY pyproject.toml README.md LICENSE ./
COPY data data
COPY fmkeras fmkeras
RUN pip install --no-cache-dir --no-deps . && useradd --system --no-create-home --uid 10001 server
USER 10001
EXPOSE 5000
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:5000/health', timeout=4)"]
ENTRYPOINT ["python", "-m", "fmkeras.serve", "--host", "0.0.0.0", "--run", "/model"]
CMD ["--api-key-file", "/keys"]
