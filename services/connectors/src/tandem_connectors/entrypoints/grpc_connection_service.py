"""ConnectionService: the connections of a tenant and how they are."""

import grpc
from tandem.connector.v1 import connection_service_pb2 as pb
from tandem.connector.v1 import connection_service_pb2_grpc
from tandem_platform.database import Database
from tandem_platform.pagination import PageTokens, page_size
from tandem_platform.request_context import current_caller

from tandem_connectors.adapters.postgres.connection_rows import read_figures
from tandem_connectors.adapters.wire.document_mapping import to_connection
from tandem_connectors.application.connection_book import ConnectionBook


class ConnectionService(connection_service_pb2_grpc.ConnectionServiceServicer):
    """Lists what is configured with figures of the database."""

    def __init__(self, book: ConnectionBook, database: Database, page_tokens: PageTokens) -> None:
        self._book = book
        self._database = database
        self._page_tokens = page_tokens

    async def ListConnections(
        self,
        request: pb.ListConnectionsRequest,
        context: grpc.aio.ServicerContext[pb.ListConnectionsRequest, pb.ListConnectionsResponse],
    ) -> pb.ListConnectionsResponse:
        """By id."""
        tenant, size = current_caller().tenant, page_size(request.page_size)
        after = self._page_tokens.decode(request.page_token, request)
        mine = self._book.of_tenant(tenant)
        rest = [item for item in mine if not after or item.connection.id > str(after[0])]
        shown, token = rest[:size], ""
        if len(rest) > size:
            token = self._page_tokens.encode([shown[-1].connection.id], request)
        ids = [item.connection.id for item in shown]
        async with self._database.connection() as connection:
            figures = await read_figures(connection, tenant, ids)
        return pb.ListConnectionsResponse(
            connections=[to_connection(item, figures[item.connection.id]) for item in shown],
            next_page_token=token,
        )
