"""Starts Spark's JVM with one command, and connects PySpark with it.

PySpark by itself runs a shell script, which starts a JVM that computes the command of the JVM which is wanted. This takes almost
half a second longer, and that JVM also loads a module of vector instructions, which only Spark's machine learning uses.
"""

from __future__ import annotations

import os
import shlex
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

_OWN_WAY = ("SPARK_HOME", "SPARK_CONF_DIR", "SPARK_SUBMIT_OPTS", "PYSPARK_SUBMIT_ARGS", "PYSPARK_GATEWAY_PORT")
"""Variables that only Spark's own script reads: where one is set, PySpark starts the JVM."""
_OPENED = {
    "java.base": "java.lang java.lang.invoke java.lang.reflect java.io java.net java.nio java.util java.util.concurrent"
    " java.util.concurrent.atomic jdk.internal.ref sun.nio.ch sun.nio.cs sun.security.action sun.util.calendar",
    "java.security.jgss": "sun.security.krb5",
}
_OPTIONS = (
    "-XX:+IgnoreUnrecognizedVMOptions",
    *(f"--add-opens={module}/{name}=ALL-UNNAMED" for module, names in _OPENED.items() for name in names.split()),
    "-Dio.netty.tryReflectionSetAccessible=true",
    "-Dio.netty.allocator.type=pooled",
    "-Dio.netty.handler.ssl.defaultEndpointVerificationAlgorithm=NONE",
    "--sun-misc-unsafe-memory-access=allow",
    "--enable-native-access=ALL-UNNAMED",
    "-Dderby.connection.requireAuthentication=false",
)
"""Those of Spark's own start script (`org.apache.spark.launcher.JavaModuleOptions`), without that module."""
_WITHOUT_INTERRUPTS = ("/bin/sh", "-c", """trap '' INT; exec "$@" """, "sh")
"""A Ctrl-C is for the kernel, which lets a job end."""
_PAUSE_SECONDS = 0.01


def start(configuration: Mapping[str, str], output: IO[bytes]) -> Any:
    """Start the JVM of this configuration; returns PySpark's gateway to it. It ends when its standard input does.

    :param output: receives what the JVM prints.
    :raises PySparkRuntimeError: it has ended at once.
    """
    from pyspark import SparkConf
    from pyspark.java_gateway import launch_gateway

    if os.name == "nt" or any(map(os.environ.get, _OWN_WAY)):
        conf = SparkConf().setAll(list(configuration.items()))
        gateway = launch_gateway(conf, {"stdout": output, "stderr": output})  # type: ignore[no-untyped-call]
    else:
        gateway = _gateway(configuration, output)
    if gateway.proc:
        # Unless somebody waits for it, a JVM that has ended stays as a zombie, for which the kernel waits when it ends.
        threading.Thread(target=gateway.proc.wait, name="spark-end", daemon=True).start()
    return gateway


def _gateway(configuration: Mapping[str, str], output: IO[bytes]) -> Any:
    from pyspark.java_gateway import launch_gateway

    process, port, secret = _start(configuration, output)
    address = {"PYSPARK_GATEWAY_PORT": str(port), "PYSPARK_GATEWAY_SECRET": secret}
    os.environ.update(address)
    try:
        gateway = launch_gateway()  # type: ignore[no-untyped-call]
    finally:
        for name in address:
            del os.environ[name]
    gateway.proc = process
    return gateway


def command(configuration: Mapping[str, str]) -> list[str]:
    """The command of the JVM of this configuration."""
    import pyspark

    spark = Path(pyspark.__file__).parent
    java = Path(os.environ["JAVA_HOME"], "bin", "java") if os.environ.get("JAVA_HOME") else "java"
    jars = spark / "jars"
    class_path = [
        configuration["spark.driver.extraClassPath"],
        spark / "conf",
        *jars.glob("slf4j-api-*.jar"),
        jars / "*",
    ]
    return [
        *(str(java), "-cp", ":".join(map(str, class_path)), f"-Xmx{configuration['spark.driver.memory']}"),
        *(*shlex.split(configuration["spark.driver.extraJavaOptions"]), *_OPTIONS),
        "org.apache.spark.deploy.SparkSubmit",
        *(word for name, value in configuration.items() for word in ("--conf", f"{name}={value}")),
        "pyspark-shell",
    ]


def _start(configuration: Mapping[str, str], output: IO[bytes]) -> tuple[subprocess.Popen[bytes], int, str]:
    """Start the JVM and wait until it listens; returns its port and the secret that it asks for."""
    import pyspark
    from pyspark.errors import PySparkRuntimeError

    with tempfile.TemporaryDirectory() as folder:
        address = Path(folder, "address")
        process = subprocess.Popen(
            [*_WITHOUT_INTERRUPTS, *command(configuration)],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            env={
                **os.environ,
                "SPARK_HOME": str(Path(pyspark.__file__).parent),
                "SPARK_CONNECT_MODE": "0",
                "_PYSPARK_DRIVER_CONN_INFO_PATH": str(address),
            },
        )
        while not address.is_file():
            if process.poll() is not None:
                raise PySparkRuntimeError(errorClass="JAVA_GATEWAY_EXITED", messageParameters={})
            time.sleep(_PAUSE_SECONDS)
        content = address.read_bytes()
    port, length = struct.unpack_from(">ii", content)
    return process, port, content[8 : 8 + length].decode()
