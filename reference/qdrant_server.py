"""Qdrant's REST interface, as far as packages/search uses it, on the engine of the package qdrant-client in memory.

    pip install qdrant-client && python reference/qdrant_server.py 6333
    DIPTYCH_QDRANT_URL=http://127.0.0.1:6333 npx vitest run tests/vector-stores.test.ts

It checks what the server of the tests (packages/search/test/qdrant-server.ts) makes of a request. A real server does as well.
"""

import json
import re
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

from qdrant_client import QdrantClient, models

client = QdrantClient(":memory:")


def point_of(point):
    return json.loads(point.model_dump_json())


def answer(method, name, path, body):
    if path == "":
        if method == "PUT":
            if client.collection_exists(name):
                return 409, {"error": "exists"}
            client.create_collection(name, vectors_config=models.VectorParams(**body["vectors"]))
            return 200, True
        if not client.collection_exists(name):
            return 404, {"error": "not found"}
        return 200, json.loads(client.get_collection(name).model_dump_json())
    if method == "PUT" and path == "/points":
        client.upsert(name, [models.PointStruct(**p) for p in body["points"]])
        return 200, {"status": "completed"}
    if path == "/points":
        found = client.retrieve(
            name, body["ids"], with_payload=body.get("with_payload", True), with_vectors=body.get("with_vector", False)
        )
        return 200, [point_of(p) for p in found]
    if path == "/points/delete":
        client.delete(name, models.PointIdsList(points=body["points"]))
        return 200, {"status": "completed"}
    if path == "/points/count":
        filter_ = models.Filter(**body["filter"]) if "filter" in body else None
        return 200, {"count": client.count(name, count_filter=filter_, exact=True).count}
    if path == "/points/query/batch":
        found = []
        for search in body["searches"]:
            filter_ = models.Filter(**search["filter"]) if "filter" in search else None
            result = client.query_points(
                name,
                query=search["query"],
                limit=search["limit"],
                query_filter=filter_,
                with_payload=True,
                score_threshold=search.get("score_threshold"),
            )
            found.append({"points": [point_of(p) for p in result.points]})
        return 200, found
    return 404, {"error": path}


class Handler(BaseHTTPRequestHandler):
    def handle_any(self):
        length = int(self.headers.get("content-length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        name, path = re.fullmatch(r"/collections/([\w-]+)(.*?)(?:\?wait=true)?", self.path).groups()
        try:
            status, result = answer(self.command, name, path, body)
        except Exception as error:  # what the engine refuses
            status, result = 400, {"error": str(error)}
        text = json.dumps({"result": result} if status == 200 else {"status": result}).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_PUT = do_POST = handle_any

    def log_message(self, *_):
        pass


HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
