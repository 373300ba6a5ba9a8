import duckdb
from hypothesis import given, settings
from hypothesis import strategies as st

from wiretale.filter.own_packets import FOREIGN, OWN_PACKETS
from wiretale.model.tables import TABLES

# of each packet: its protocol, whether it is shown, its connection, in which calls it was sent or taken whole
PACKETS = st.lists(
    st.tuples(
        st.sampled_from([6, 17, 1]),
        st.booleans(),
        st.sampled_from([None, 1, 2, 3]),
        st.lists(st.sampled_from("rw"), max_size=2),
    ),
    max_size=8,
)
OWNED = st.sets(st.sampled_from([None, 1, 2]))  # connections of which a traced process has an end


@settings(max_examples=30, deadline=None)
@given(PACKETS, OWNED)
def test_the_packets_of_others_are_those_that_are_shown_and_not_own(packets, owned):
    with duckdb.connect() as db:
        for table in TABLES:
            if table.name in ("packet", "segment", "endpoint", "packet_call"):
                db.execute(table.ddl)
        for connection in owned:
            db.execute("INSERT INTO endpoint BY NAME SELECT ? AS connection_id, 7 AS pid", [connection])
        for number, (protocol, shown, connection, sides) in enumerate(packets):
            values = [number, protocol, shown]
            db.execute("INSERT INTO packet BY NAME SELECT ? AS packet_id, ? AS ip_protocol, ? AS shown", values)
            if protocol != 1:
                values = [number, connection, shown]
                db.execute("INSERT INTO segment BY NAME SELECT ? AS packet_id, ? AS connection_id, ? AS shown", values)
            for side in sides if shown else []:
                db.execute("INSERT INTO packet_call BY NAME SELECT ? AS packet_id, ? AS side", [number, side])
        rows = "packet p LEFT JOIN segment g USING (packet_id)"
        others = f"SELECT count(*) FROM {rows} WHERE p.shown AND NOT coalesce(({OWN_PACKETS}), FALSE)"
        assert db.execute(FOREIGN).fetchall() == db.execute(others).fetchall()
