# The project, set up, with JupyterLab at port 8888 (open the address with the token that it prints):
#   docker build -t notebooks .
#   docker run --rm --init -p 127.0.0.1:8888:8888 -v notebooks-outputs:/home/node/notebooks/outputs notebooks
# On an NVIDIA GPU (needs the NVIDIA container toolkit):
#   docker build -t notebooks-gpu --build-arg GPU=1 .
#   docker run --rm --init --gpus all -p 127.0.0.1:8888:8888 notebooks-gpu
# Any other command in its place: docker run --rm --init notebooks npm start -- 01
# The operations are built for every level of processor, so that an image runs on any of its architecture (x86-64 with AVX, arm64).
ARG NODE=24
FROM node:${NODE}-trixie-slim AS tools

# Their versions are the distribution's: security updates are to come in.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates chromium fonts-dejavu-core g++ git python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
EXPOSE 8888

FROM tools AS notebooks
ARG GPU=
USER 1000
WORKDIR /home/node/notebooks
COPY --chown=1000:1000 . .
# The folders are made now, so that volumes mounted there belong to the ordinary user.
RUN npm run setup -- ${GPU:+--gpu} \
    && mkdir -p outputs data/cache \
    && npm cache clean --force \
    && rm -rf /home/node/.cache set-up.log
CMD ["npm", "run", "lab", "--", "--no-browser", "--ServerApp.ip=0.0.0.0"]
