# The real node, laid out as its published image is.
ARG PYTHON_IMAGE
FROM ${PYTHON_IMAGE}
WORKDIR /avalanchego/build
COPY avalanchego ./
CMD ["./avalanchego"]
