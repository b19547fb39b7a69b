// The published schemas of ISO 20022, which tests hold messages against (server/testserver/xsd). Nothing of it is compiled.
module github.com/antonpayments/anton/tools/iso20022

go 1.26.8

require github.com/moov-io/iso20022 v0.2.1
