"""moto's server with three faults of its S3 put right, listening on a free port of 127.0.0.1.

moto looks whether a name is taken and takes it in two steps, so that of several conditional requests
at one time more than one may win: here they go one after another. A part for an upload that is gone,
and its completion, are answered as S3 does instead of with a bare 500.
"""

import threading

from moto.s3.exceptions import NoSuchUpload
from moto.s3.models import S3Backend
from moto.server import main
from moto.moto_server import werkzeug_app

one_at_a_time = threading.Lock()
dispatch = werkzeug_app.DomainDispatcherApplication.__call__


def conditional_requests_in_turn(application, environ, start_response):
    if "HTTP_IF_NONE_MATCH" not in environ:
        return dispatch(application, environ, start_response)
    with one_at_a_time:
        # The answer is made before the lock goes.
        return list(dispatch(application, environ, start_response))


def known_uploads_only(method):
    def checked(backend, bucket_name, multipart_id, *rest, **named):
        if multipart_id not in backend.get_bucket(bucket_name).multiparts:
            raise NoSuchUpload(upload_id=multipart_id)
        return method(backend, bucket_name, multipart_id, *rest, **named)

    return checked


werkzeug_app.DomainDispatcherApplication.__call__ = conditional_requests_in_turn
S3Backend.upload_part = known_uploads_only(S3Backend.upload_part)
S3Backend.complete_multipart_upload = known_uploads_only(S3Backend.complete_multipart_upload)

main(["-H", "127.0.0.1", "-p", "0"])
