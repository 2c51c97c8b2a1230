@{
    RootModule        = 'ProvisionerExchange.psm1'
    #<version>
    GUID              = 'b7f1f3a2-52f5-4c37-9f0e-7d1b6a2f9c41'
    Author            = 'provisioner'
    Description       = 'Exchange Online for provisioner: one function for each cmdlet that it uses.'
    PowerShellVersion = '5.1'
    RequiredModules   = @(@{ ModuleName = 'ExchangeOnlineManagement'; ModuleVersion = '3.2.0' })
    CmdletsToExport   = @()
    VariablesToExport = @()
    AliasesToExport   = @()
    #<functions>
}
