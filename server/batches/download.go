package batches

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"mime"
	"strconv"
	"strings"
	"unicode/utf8"

	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/call"
)

// DownloadBatchErrors gives everything that is wrong with one of the caller's batches as a file.
func (s *Service) DownloadBatchErrors(ctx context.Context, req *antonv1.DownloadBatchErrorsRequest) (*httpbody.HttpBody, error) {
	batch, err := find(ctx, req.GetId())
	if err != nil {
		return nil, err
	}
	rows, err := call.Reads(ctx).BatchErrorList(ctx, db.BatchErrorListParams{MerchantID: batch.MerchantID, BatchID: batch.ID, RowLimit: maxRows * maxProblems * 2})
	if err != nil {
		return nil, fmt.Errorf("list the errors: %w", err)
	}
	lines := [][]string{{"row", "field", "message", "suggestion"}}
	for _, r := range rows {
		lines = append(lines, []string{strconv.Itoa(int(r.Number)), r.Field, r.Message, r.Suggestion})
	}
	return offerCSV(ctx, batch.ID+"-errors.csv", lines)
}

// DownloadBatchResults gives what became of every row of one of the caller's batches as a file.
func (s *Service) DownloadBatchResults(ctx context.Context, req *antonv1.DownloadBatchResultsRequest) (*httpbody.HttpBody, error) {
	batch, err := find(ctx, req.GetId())
	if err != nil {
		return nil, err
	}
	rows, err := call.Reads(ctx).BatchResultList(ctx, db.BatchResultListParams{MerchantID: batch.MerchantID, BatchID: batch.ID, RowLimit: maxRows})
	if err != nil {
		return nil, fmt.Errorf("list the results: %w", err)
	}
	lines := [][]string{{"row", "status", "payout_id", "payout_status", "beneficiary_id", "amount", "currency", "reference", "error_code", "error_message"}}
	for _, row := range rows {
		r, err := resultToProto(row)
		if err != nil {
			return nil, err
		}
		status := ""
		if r.PayoutStatus != nil {
			status = r.GetPayoutStatus().String()
		}
		lines = append(lines, []string{
			strconv.Itoa(int(r.GetRow())), r.GetStatus().String(), r.GetPayoutId(), status, r.GetBeneficiaryId(), r.GetAmount(), r.GetCurrency(),
			r.GetReference(), r.GetError().GetCode(), r.GetError().GetMessage(),
		})
	}
	return offerCSV(ctx, batch.ID+"-results.csv", lines)
}

func offerCSV(ctx context.Context, name string, lines [][]string) (*httpbody.HttpBody, error) {
	var text bytes.Buffer
	w := csv.NewWriter(&text)
	for _, line := range lines {
		for i := range line {
			line[i] = harmless(line[i])
		}
		if err := w.Write(line); err != nil {
			return nil, fmt.Errorf("write CSV: %w", err)
		}
	}
	w.Flush()
	return offer(ctx, name, "text/csv; charset=utf-8", text.Bytes()), nil
}

// offer is a file to be saved under the name.
func offer(ctx context.Context, name, kind string, content []byte) *httpbody.HttpBody {
	disposition := mime.FormatMediaType("attachment", map[string]string{"filename": name})
	_ = grpc.SetHeader(ctx, metadata.Pairs("content-disposition", disposition)) // fails only where there is no answer to add it to
	return &httpbody.HttpBody{ContentType: kind, Data: content}
}

// harmless keeps a spreadsheet from running what a stranger wrote: a cell that begins like a formula begins with an apostrophe instead
// (OWASP, CSV injection).
func harmless(text string) string {
	if first, _ := utf8.DecodeRuneInString(text); text != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠", first) {
		return "'" + text
	}
	return text
}
