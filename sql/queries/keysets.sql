-- name: KeysetMarkClaim :exec
-- The first server on the database says with which keyset.
insert into keyset_mark (mark) values (@mark) on conflict do nothing;

-- name: KeysetMarkGet :one
select mark from keyset_mark;

-- name: SandboxKeysetReplace :execrows
-- Only from what it was: of two rotations at once the second one starts again from what the first one made.
update sandbox_keyset set keyset = @keyset where keyset = @was;
