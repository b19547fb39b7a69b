-- A database remembers which keyset encrypts it, so that no server seals new rows with one that cannot read the old.

-- +goose Up

-- The mark is a keyed hash that stays the same through all rotations and says nothing of the keys. The first server writes it.
create table keyset_mark (
    only_row boolean primary key default true constraint there_is_one_mark check (only_row),
    mark     bytea not null constraint mark_is_a_fingerprint check (length(mark) = 32)
);

grant select, insert on keyset_mark to anton_app;

-- +goose Down
drop table keyset_mark;
