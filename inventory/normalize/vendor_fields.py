"""The names of the vendor's fields, and whether it marks them as sensitive. Data, no code.

Source: fields.json, auth-fields.json and destination-fields.json of the Terraform provider
fivetran/terraform-provider-fivetran, read on 2026-11-27.
"""


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Marked as sensitive, for one service at least.
SENSITIVE = _names("""
    abs_export_connection_string access_key access_key_secret access_token
    account_access_token account_key account_token admin_api_key agent_password
    agreement_grant_token analytics_api_key api_access_token api_admin_key api_key api_key_2
    api_key_3 api_key_api_secret api_keys api_password api_read_access_token api_secret
    api_secret_key api_token api_user_identifier api_user_secret api_username app_id
    app_secret app_secret_token app_specific_password application_key asm_password audience
    auth_code auth_secret auth_token aws_secret_access_key bearer_token blob_sas_url
    business_id certificate certificate_id client_cert client_cert_key client_certificate
    client_certificate_private_key client_key client_secret company_key company_request_token
    connect_password connection_string consumer_key consumer_secret customer_api_key
    default_host dsv_password dsv_service_auth dsv_subscription_key encryption_key
    ftp_password function_key function_trigger hana_backup_password integration_key
    key_password keystore keystore_password login_password oauth2_secret oauth_client_secret
    oauth_subscription_key oauth_token oauth_token_endpoint_url oauth_token_secret
    ocapi_access_token ocapi_client_secret ocapi_refresh_token onelake_client_secret
    partner_user_secret pass_phrase passphrase password pat pat_secret pats pem_certificate
    pem_private_key personal_access_token personal_api_token pgp_pass_phrase pgp_secret_key
    primary_key private_access_token private_key private_token project_access_token
    query_param_value refresh_token report_service_api_key resource_token role_arn
    s3_export_role_arn s3_role_arn s3role_arn salesforce_security_token sasl_plain_key
    sasl_plain_secret sasl_scram256_key sasl_scram256_secret sasl_scram512_key
    sasl_scram512_secret schema_registry_api_key schema_registry_api_secret
    schema_registry_key schema_registry_secret secret secret_access_key secret_key
    secret_value secrets secured_signon_key sender_password service_account_key
    service_account_secret service_authentication service_principal_client_cert_pvt_key
    service_principal_client_certificate service_principal_client_secret sftp_password
    shard_authorization_id short_code snc_certificate snc_certificate_source subscription_key
    svc_acc_secret_key system_user_access_token tde_certificate tde_certificate_backup
    tde_certificate_path tde_password tde_private_key tde_private_key_backup
    tde_private_key_path tde_wallet_password tenant_id token_id token_key token_secret
    token_secret_key tracking_subscription_key trusted_cert truststore user_access_token
    user_key user_token v2_api_key value web_service_api_key windows_auth_client_certificate
    windows_auth_client_private_key windows_auth_server_certificate workspace_token
    ws_certificate x_api_key x_key x_master_key x_user_token
""")

# Not marked, though a list of words would find them secret.
UNMARKED = _names("""
    abs_connection_string abs_public_key access_key_id app_key are_soap_credentials_provided
    auth_header_key aws_access_key_id aws_credentials azure_credentials client_private_key
    community_api_key_name custom_dimension_key_ids developer_token ekm_key_identifiers
    encoded_public_key enhanced_pass_ticket_type gcs_credentials
    gcs_service_account_credentials_path is_custom_api_credentials is_keypair
    is_private_key_encrypted is_private_link_required is_sftp_creds_available jwt_environment
    key key_id key_store_type key_type o_auth_service_token_url pat_name project_credentials
    project_key refresh_token_expires_at region_token_url report_keys
    schema_registry_credentials_source secrets_list sftp_is_key_pair sftp_public_key
    signature_encoding signer_public_key storage_account_key token
    token_authenticated_container token_authenticated_database token_url_region use_api_keys
    webhook_key
""")

# Those of them that hold secrets nevertheless, in our judgement: a key or a credential, and not its
# name, its type, its path or the address that issues it.
UNMARKED_SECRETS = _names("""
    abs_connection_string app_key auth_header_key aws_credentials azure_credentials
    client_private_key developer_token gcs_credentials key project_credentials secrets_list
    storage_account_key token webhook_key
""")
