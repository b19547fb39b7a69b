-- name: DocumentInsert :exec
insert into documents (merchant_id, id, category, file_name, content_type, size, sha256, scan, description, created_by, created_at)
values (@merchant_id, @id, @category, @file_name, @content_type, @size, @sha256, @scan, @description, @created_by, @created_at);

-- name: DocumentContentInsert :exec
insert into document_contents (merchant_id, document_id, content) values (@merchant_id, @document_id, @content);

-- name: DocumentUsageAdd :exec
insert into document_usage (merchant_id, documents, bytes) values (@merchant_id, 1, @bytes)
on conflict (merchant_id) do update set documents = document_usage.documents + 1, bytes = document_usage.bytes + excluded.bytes;

-- name: DocumentUsageGet :one
select documents, bytes from document_usage where merchant_id = @merchant_id;

-- name: DocumentGet :one
select * from documents where merchant_id = @merchant_id and id = @id;

-- name: DocumentFind :one
-- For operators, who name no merchant.
select * from documents where id = @id;

-- name: DocumentContentGet :one
select content from document_contents where merchant_id = @merchant_id and document_id = @document_id;

-- name: DocumentsKnown :many
-- Which of the ids are documents of the merchant.
select id from documents where merchant_id = @merchant_id and id = any(@ids::text[]);

-- name: DocumentsGet :many
select * from documents where merchant_id = @merchant_id and id = any(@ids::text[]) order by created_at desc, id desc;

-- name: DocumentList :many
select * from documents
where merchant_id = @merchant_id
  and (sqlc.narg('category')::text is null or category = sqlc.narg('category')::text::document_category)
  and (sqlc.narg('created_after')::timestamptz is null or created_at > sqlc.narg('created_after')::timestamptz)
  and (sqlc.narg('created_before')::timestamptz is null or created_at < sqlc.narg('created_before')::timestamptz)
  and (sqlc.narg('before_at')::timestamptz is null or (created_at, id) < (sqlc.narg('before_at')::timestamptz, @before_id::text))
order by created_at desc, id desc
limit @row_limit;
